"""Labels where verdicts come before disputes: who says them, since when, and for how many decisions a row stands."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from feature_repo.definition import FeatureSet
from feature_repo.request_time import Context
from infra.errors import DefinitionError
from infra.lake import Lake
from tests.training.rows.test_labels import NOON, table, word
from training.contenders import ByColumn
from training.definition import Outcome, Settlement, Split, Task
from training.rows import WEIGHT, fit_weights, judge_weights, newest
from training.rows.attribution import AT
from training.rows.label_versions import SINCE, TARGET_AT, VERSION, known_at_cuts
from training.rows.labels import build_label_versions, build_labels
from training.rows.maturity import maturity_curve
from training.systems.fraud import TASK as FRAUD
from validation.contract import Column

PAYMENTS = table(
    "payments", ("payment",), word("payment"), word("card"), word("action"),
    Column("amount", "float64", "amount", logged=True), Column("completed", "bool", "whether the money moved"),
    Column("by_lot", "bool", "whether it was reviewed by lot"), Column("chance", "float32", "of the action"),
    Column("score", "float32", "as the release gave it", nullable=True),
    Column("threshold", "float32", "from which it acts", nullable=True),
)  # fmt: skip
DISPUTES = table("disputes", ("dispute",), word("dispute"), word("payment"), word("reason"))
REVIEWS = table("reviews", ("review",), word("review"), word("payment"), word("verdict", nullable=True))
TABLES = {t.name: t for t in (PAYMENTS, DISPUTES, REVIEWS)}
FEATURES = FeatureSet(
    name="bank", version=1, owner="tests", entities={"card": "a card"}, lookups=(), signals=(), counter_views=(),
    profile_views=(), features=(Context("amount", neutral=1.0),),
)  # fmt: skip
TASK = Task(
    name="bank", decisions="payments", outcomes_in="disputes", match=("payment",), exact=(),
    outcomes=(
        Outcome("stolen", "reason = 'stolen'", "it was stolen", gain=1, window=timedelta(days=20),
                settled_by=Settlement("reviews", "verdict = 'stolen'")),
        Outcome("disputed", "true", "somebody complained", window=timedelta(days=20)),
    ),
    target="stolen", unit="payment", cluster="card", contenders=(ByColumn("rules", "amount"),),
    grace=timedelta(hours=1), history_days=10,
    fit_where="completed OR settled", judge_where="completed OR settled",
    weight="CASE WHEN early AND by_lot THEN try_divide(1, chance) ELSE 1 END",
)  # fmt: skip
MATURE = 20 + 1 / 24
DAYS = (date(2026, 5, 3), date(2026, 6, 30))


def day(after: float) -> datetime:
    """So many days after noon of the first."""
    return NOON + timedelta(days=after)


def pay(name: str, at: float = 0, action: str = "allow", **more: Any) -> dict[str, Any]:
    """A payment that was decided."""
    return {"payment": name, "card": "c", "action": action, "amount": 9.0, "completed": action == "allow",
            "by_lot": False, "chance": 1.0, "at": day(at), "known": day(at), **more}  # fmt: skip


def dispute(payment: str, at: float, reason: str = "stolen") -> dict[str, Any]:
    return {"dispute": f"{payment} {at}", "payment": payment, "reason": reason, "at": day(at), "known": day(at)}


def review(payment: str, at: float, verdict: str | None, known: float | None = None) -> dict[str, Any]:
    return {"review": f"{payment} {at}", "payment": payment, "verdict": verdict, "at": day(at),
            "known": day(at if known is None else known)}  # fmt: skip


def deliver(lake: Lake, **rows: list[dict[str, Any]]) -> None:
    for name, of_table in rows.items():
        for when in {row["known"].date() for row in of_table}:
            mine = [row for row in of_table if row["known"].date() == when]
            lake.append(f"tables/{name}", when, pa.Table.from_pylist(mine, schema=TABLES[name].schema))


def versions(spark: Any, lake: Lake, as_of: float, task: Task = TASK) -> pd.DataFrame:
    return build_label_versions(spark, lake, task, FEATURES, TABLES, day(as_of), *DAYS)


LOT = {"by_lot": True, "chance": 0.1}
ROWS: dict[str, list[dict[str, Any]]] = {
    "payments": [
        *(pay(name) for name in ("cleared", "found", "unsure", "waiting", "twice")),
        pay("lot", **LOT), pay("chosen", action="review"), pay("blocked", action="block"),
        pay("no chance", by_lot=True, chance=0.0),
        pay("old", **LOT), pay("young", 20, **LOT), pay("judged", 45, **LOT), pay("new", 57, **LOT),
    ],
    "disputes": [dispute("cleared", 5), dispute("waiting", 5), dispute("unsure", 2)],
    "reviews": [
        review("cleared", 1, "genuine"), review("found", 1, "stolen"), review("unsure", 1, None),
        review("twice", 3, "stolen"), review("twice", 2, "genuine", known=4),
        review("lot", 0.5, "genuine"), review("chosen", 0.25, "stolen"), review("no chance", 1, "genuine"),
        review("old", 1, "genuine"), review("young", 21, "genuine"), review("judged", 46, "genuine"),
        review("new", 57, "genuine"),
    ],
}  # fmt: skip


def drawn(seed: int) -> dict[str, list[dict[str, Any]]]:
    """Sixty payments at random moments, with disputes and verdicts of which some are received late."""
    draw = np.random.default_rng(seed)
    payments = [pay(f"p{i}", float(draw.uniform(0, 12))) for i in range(60)]
    of = [payments[i] for i in draw.integers(60, size=70)]
    after = [(row["at"] - NOON).total_seconds() / 86_400 for row in of]
    disputes = [dispute(row["payment"], at + draw.uniform(0, 22)) for row, at in zip(of[:30], after, strict=False)]
    reviews = [
        review(row["payment"], at + draw.uniform(0, 4), str(draw.choice(["stolen", "genuine"])),
               known=at + draw.uniform(4, 9)) for row, at in zip(of[30:], after[30:], strict=True)
    ]  # fmt: skip
    return {"payments": payments, "disputes": disputes, "reviews": reviews}


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A lake with the rows above and with random ones."""
    lake = Lake(tmp_path_factory.mktemp("bank"))
    deliver(lake, **{name: [*rows, *drawn(4)[name]] for name, rows in ROWS.items()})
    return lake


@pytest.fixture(scope="module")
def every(spark: Any, bank: Lake) -> pd.DataFrame:
    """All versions of all labels, as known on day 70."""
    return versions(spark, bank, as_of=70)


def as_known(every: pd.DataFrame, on: float) -> pd.DataFrame:
    """The labels as they were known on a day, of the payments above, by payment."""
    then = newest(every[every[SINCE] <= pd.Timestamp(day(on))]).set_index("payment")
    return then.loc[[row["payment"] for row in ROWS["payments"] if row["payment"] in then.index]]


def test_a_verdict_says_the_label_at_once_and_whatever_else_comes(every: pd.DataFrame) -> None:
    names = ["cleared", "found", "twice"]
    early = as_known(every, 10)
    assert early.loc[names, "stolen"].to_dict() == {"cleared": 0.0, "found": 1.0, "twice": 1.0}
    assert early.loc[names, "disputed"].to_dict() == {"cleared": 1.0, "found": 0.0, "twice": 0.0}
    assert early["early"].all()
    assert early["settled"].all()
    assert not {"unsure", "waiting", "blocked"} & set(early.index), "their windows are open"
    late = as_known(every, 21).loc[[*names, "unsure", "waiting"]]
    assert late["stolen"].to_dict() == {"cleared": 0, "found": 1, "twice": 1, "unsure": 1, "waiting": 1}
    assert late["settled"].to_dict() == {"cleared": 1, "found": 1, "twice": 1, "unsure": 0, "waiting": 0}
    assert not late["early"].any()


def test_a_settled_row_has_one_more_version_when_its_window_closes_and_weighs_less_then(every: pd.DataFrame) -> None:
    found = every[every["payment"].isin(["lot", "chosen", "waiting"])]
    since = ((found[SINCE] - pd.Timestamp(NOON)).dt.total_seconds() / 86_400).round(3)
    assert list(zip(found["payment"], since, found["stolen"], found[WEIGHT], strict=True)) == [
        ("chosen", 0.25, 1.0, 1.0), ("chosen", round(MATURE, 3), 1.0, 1.0),
        ("lot", 0.5, 0.0, 10.0), ("lot", round(MATURE, 3), 0.0, 1.0),
        ("waiting", round(MATURE, 3), 1.0, 1.0),
    ]  # fmt: skip
    assert found[WEIGHT].dtype == np.float32
    assert found.loc[found["payment"] == "chosen", TARGET_AT + "stolen"].tolist() == [pd.Timestamp(day(0.25))] * 2


def test_a_row_to_fit_weighs_what_it_weighed_when_tuning_began(every: pd.DataFrame) -> None:
    task = replace(TASK, split=Split(tune_from=day(30), judge_from=day(40)))
    chosen = known_at_cuts(every, task).set_index("payment")[WEIGHT]
    assert chosen[["old", "young", "judged", "new"]].to_dict() == {"old": 1, "young": 10, "judged": 1, "new": 10}


def test_a_row_by_lot_weighs_less_in_fitting_than_in_judging(every: pd.DataFrame) -> None:
    lot = as_known(every, 10).loc[["lot", "chosen"]]
    assert (judge_weights(lot), fit_weights(lot)) == (pytest.approx([10, 1]), pytest.approx([5, 1]))
    assert judge_weights(lot.drop(columns=WEIGHT)) is fit_weights(lot.drop(columns=WEIGHT)) is None


def test_who_is_blocked_and_seen_by_nobody_takes_no_part_nor_does_who_has_no_weight(every: pd.DataFrame) -> None:
    late = as_known(every, 30).loc[["blocked", "chosen", "waiting", "no chance"], "fits"]
    assert late.to_dict() == {"blocked": False, "chosen": True, "waiting": True, "no chance": True}
    early = as_known(every, 5).loc[["chosen", "no chance"]]
    assert early["judged"].to_dict() == {"chosen": True, "no chance": False}
    assert early[WEIGHT].isna().to_dict() == {"chosen": False, "no chance": True}, "1 / 0 is no number"


def test_the_labels_carry_what_the_weight_and_the_conditions_are_made_of(every: pd.DataFrame) -> None:
    assert {"by_lot", "chance", "completed"} <= set(every.columns)
    assert "action" not in every.columns, "nothing reads it"


def test_the_version_of_any_moment_is_the_label_of_that_moment(spark: Any, bank: Lake, every: pd.DataFrame) -> None:
    assert (every[VERSION] > 2).sum() > 5
    for as_of in (6, 24):
        then = build_labels(spark, bank, TASK, FEATURES, TABLES, day(as_of), *DAYS)
        pd.testing.assert_frame_equal(newest(every[every[SINCE] <= pd.Timestamp(day(as_of))]), then)


def test_where_something_that_counts_is_settled_by_nobody_rows_wait_for_it(spark: Any, bank: Lake) -> None:
    found = versions(spark, bank, as_of=70, task=replace(TASK, also=("disputed",), history_days=60))
    at_once = found[SINCE] < found[AT] + timedelta(days=MATURE) - timedelta(seconds=1)
    assert not at_once.any()
    assert not found["early"].any()
    assert found.loc[found["payment"] == "cleared", ["stolen", "settled"]].to_numpy().tolist() == [[0.0, True]]


def test_rows_that_were_settled_early_do_not_make_the_maturity_curve_look_better() -> None:
    at = pd.to_datetime([day(0), day(0), day(30), day(30)], utc=True)
    after = pd.to_timedelta([18, 1, 1, 1], unit="D")
    labels = pd.DataFrame(
        {AT: at, "stolen": 1.0, TARGET_AT + "stolen": at + after, "early": [False, False, True, True]}
    )
    curve = {point.age_s / 86_400: (point.share, point.rows) for point in maturity_curve(labels, TASK)}
    assert curve[1] == (0.5, 2)
    assert curve[TASK.maturity / timedelta(days=1)] == (1.0, 2)


STOLEN, DISPUTED = TASK.outcomes


@pytest.mark.parametrize(
    ("outcomes", "sentence"),
    [
        ((replace(STOLEN, settled_by=None),), r"mature only after 20 days, 1:00:00 .* history_days 21 or more"),
        ((STOLEN, replace(DISPUTED, name="stolen")), r"2 outcomes are named `stolen`.*Rename"),
    ],
    ids=["history too short", "one name twice"],
)
def test_a_task_that_cannot_be_is_refused(outcomes: tuple[Outcome, ...], sentence: str) -> None:
    with pytest.raises(DefinitionError, match=sentence):
        replace(TASK, outcomes=outcomes)


@pytest.mark.parametrize(
    ("stolen", "sentence"),
    [
        (replace(STOLEN, table="dispute"), r"outcome stolen: table `dispute` is not defined. .* mean `disputes`"),
        (
            replace(STOLEN, settled_by=Settlement("review", "true")),
            r"outcome stolen, settled by: table `review` is not defined. .* mean `reviews`",
        ),
    ],
    ids=["no such table", "settled by no table"],
)
def test_a_task_whose_tables_are_not_there_is_refused(stolen: Outcome, sentence: str) -> None:
    TASK.check_tables(TABLES)
    with pytest.raises(DefinitionError, match=sentence):
        replace(TASK, outcomes=(stolen, DISPUTED)).check_tables(TABLES)


@pytest.mark.parametrize(
    ("task", "sentence"),
    [
        (replace(TASK, weight="1 / chanc"), r"task bank, .* weight: .*`chanc` cannot be resolved. Did you mean"),
        (replace(TASK, outcomes=(replace(STOLEN, where="reason ="), DISPUTED)), r"bank, outcomes in disputes: Syntax"),
        (
            replace(TASK, outcomes=(replace(STOLEN, settled_by=Settlement("reviews", "said")), DISPUTED)),
            r"bank, outcomes in reviews: .*`said` cannot be resolved",
        ),
    ],
    ids=["no such column", "no SQL", "no column of the verdicts"],
)
def test_sql_that_reads_what_is_not_there_is_told_with_its_place(
    spark: Any, bank: Lake, task: Task, sentence: str
) -> None:
    with pytest.raises(DefinitionError, match=sentence):
        versions(spark, bank, as_of=1, task=task)


def test_a_column_that_labels_get_by_themselves_is_no_column_of_the_decisions(spark: Any, lake: Lake) -> None:
    taken = {**TABLES, "payments": replace(PAYMENTS, columns=(*PAYMENTS.columns, Column("early", "bool", "soon")))}
    with pytest.raises(DefinitionError, match="labels get a column `early` by themselves"):
        TASK.check_tables(taken)
    unmatched = replace(REVIEWS, columns=tuple(c for c in REVIEWS.columns if c.name != "payment"))
    with pytest.raises(DefinitionError, match="rows of reviews cannot be matched: `payment`"):
        build_labels(spark, lake, TASK, FEATURES, {**TABLES, "reviews": unmatched}, day(1), *DAYS)


def test_fraud_itself_takes_no_stopped_payment_that_nobody_saw_for_an_honest_one(spark: Any, bank: Lake) -> None:
    weight = FRAUD.weight.replace("propensity", "chance")
    task = replace(TASK, fit_where=FRAUD.fit_where, judge_where=FRAUD.judge_where, weight=weight)
    late = newest(versions(spark, bank, as_of=30, task=task)).set_index("payment")
    asked = late.loc[["blocked", "chosen", "waiting"], ["fits", "judged"]]
    assert asked.to_numpy().tolist() == [[False, False], [True, True], [True, True]]
