"""Labels that come after a month: a day is judged when they are known, by the release that served it."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from infra.release_format import OperatingPoint, write_operating_point
from infra.settings import Settings
from monitoring.retrain import decide
from orchestration import observed
from orchestration.assets import monitoring
from orchestration.evidence import newest
from orchestration.judged_days import days_to_judge
from orchestration.maturing import maturing
from orchestration.partitions import days
from orchestration.sources.fraud import City, events
from orchestration.system import Installation
from orchestration.systems.fraud import FRAUD
from orchestration.systems.home_feed import HOME_FEED
from training.rows import dataset
from validation.systems import fraud

CITY = City(cards=2_500, terminals=60, days=8, ahead=0, begins=(0, 0, 1), adapts=(90, 90, 90))
DAY = CITY.end.date() - timedelta(days=1)
KNOWN = DAY + timedelta(days=31)  # 30 days for disputes, and an hour
POINT, SHARE = 0.3, 0.1
TASK, WATCH = FRAUD.task, FRAUD.watch
Frame = pd.DataFrame


def log_of(stops: float = 0.9) -> tuple[dict[str, Frame], float]:
    """What the bank wrote while release 1 decided, and what each payment was truly worth for it.

    stops  how often a theft scores so high that it is acted on
    """
    bank, rng = events(CITY), np.random.default_rng(3)
    paid = bank.rows["payments"].to_pandas()
    theft, count = bank.pattern > 0, len(paid)
    high = np.where(theft, rng.random(count) < stops, rng.random(count) < 0.02)
    score = np.where(high, rng.uniform(POINT, 1.0, count), rng.uniform(0, POINT, count)).astype(np.float32)
    action = np.select([score >= 0.95, score >= 3 * POINT, score >= POINT], ["block", "review", "step_up"], "allow")
    share = np.select([action == "allow", action == "review"], [0.01, 0.0], SHARE)
    by_lot = rng.random(count) < share
    action = np.where(by_lot, "review", action)
    completed = pd.Series(action).map({"allow": True, "block": False}).astype(object).where(lambda of: of.notna(), None)
    paid = paid.assign(
        score=score, threshold=np.float32(POINT), action=action, by_lot=by_lot, completed=completed, release="1",
        propensity=np.where(by_lot, share, 1 - share).astype(np.float32), served_by="full",
    )  # fmt: skip
    about = paid[["payment_id", "card_id", "terminal_id", "device_id"]]
    later = {days: paid["event_time"] + pd.Timedelta(days=days) for days in (0.2, 9.0)}
    reviewed, disputed = action == "review", (action == "allow") & theft & (rng.random(count) < 0.85)
    reviews = about.assign(
        review_id="r" + about["payment_id"], verdict=np.where(theft, "fraud", "genuine"), by_lot=by_lot,
        event_time=later[0.2], received_at=later[0.2],
    )[reviewed]  # fmt: skip
    disputes = about.assign(
        dispute_id="d" + about["payment_id"], reason="fraud", event_time=later[9.0], received_at=later[9.0]
    )[disputed]
    described = {name: bank.rows[name].to_pandas() for name in ("cards", "terminals", "devices")}
    worth = np.where(score >= POINT, np.where(theft, paid["amount"] - 1, -5.0), 0.0)
    window = (paid["event_time"].dt.date > DAY - timedelta(days=WATCH.outcome_days)).to_numpy()  # type: ignore[union-attr]
    return {**described, "payments": paid, "reviews": reviews, "disputes": disputes}, float(worth[window].mean())


@pytest.fixture
def at(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """The bank a month later: release 2 is live now. Labels are real, and features of rows are left out."""
    later = datetime.combine(KNOWN + timedelta(days=1), datetime.min.time(), UTC) + timedelta(hours=3)
    installation = Installation(FRAUD, settings.model_copy(update={"replay_from": later}))
    write_operating_point(tmp_path, OperatingPoint(POINT))
    installation.__dict__["registry"] = SimpleNamespace(
        live=lambda: "2", folder=lambda version: tmp_path, history=lambda: (SimpleNamespace(at=CITY.start),)
    )
    installation.__dict__["store"] = None
    monkeypatch.setattr(observed, "build_dataset", lambda labels, *rest: dataset.dataset_of(
        labels.reset_index(drop=True), np.zeros((len(labels), 1), np.float32), ("nothing",), (), {}
    ))  # fmt: skip
    monkeypatch.setattr(observed, "freshness_trained_with", lambda *of: None)
    monkeypatch.setattr(monitoring, "worth_watching", lambda *of: [])
    return installation


def written(at: Installation, rows: dict[str, Frame]) -> None:
    """The rows in the lake, by day of receipt."""
    for table in fraud.TABLES:
        frame = rows[table.name]
        for day, part in frame.groupby(frame["received_at"].dt.date):
            at.lake.append(
                f"tables/{table.name}", day, pa.Table.from_pandas(part, schema=table.schema, preserve_index=False)
            )


def judged(at: Installation, promise: float, instance: dg.DagsterInstance) -> dict[str, Any]:
    """The run of a month later, for its own day: what it says of outcomes."""
    at.registry.promised = lambda version: {"net_benefit": promise}  # type: ignore[method-assign]
    assets = [a for a in monitoring.assets(at, days(at)) if a.key.path[-1] in {"observed", "outcomes"}]
    names = [a for a in assets if a.key.path[-1] == "outcomes"]
    if not at.lake.path("training_sets").exists():
        for day in (DAY - timedelta(days=n) for n in range(WATCH.outcome_days)):  # type: ignore[union-attr]
            observed.observe(at, day, matured=True)
    run = dg.materialize(names, partition_key=KNOWN.isoformat(), instance=instance)
    (event,) = run.get_asset_materialization_events()
    return {name: value.value for name, value in event.materialization.metadata.items()}


def test_a_month_old_day_is_judged_by_the_release_that_served_it(at: Installation) -> None:
    rows, worth = log_of()
    written(at, rows)
    with dg.DagsterInstance.ephemeral() as instance:
        figures = judged(at, worth, instance)
        (evidence,) = newest(instance, dg.AssetKey(["fraud", "outcomes"]))
        assert evidence.id == f"merit {DAY} 1"
        assert evidence.present is False, evidence.detail
        assert figures["net_benefit 1"] == pytest.approx(worth, rel=0.35), "a tenth of what was stopped is known"
        assert evidence.at == TASK.matures(DAY), "news of today, however old the day is"
        dropped = judged(at, 3 * worth, instance)
        evidence = newest(instance, dg.AssetKey(["fraud", "outcomes"]))[-1]
    assert evidence.present is True, evidence.detail
    assert "release 1" in evidence.detail
    assert dropped["dropped, not live any more"].startswith("1: "), "people are told which release it was"
    twice = [
        evidence,
        type(evidence)(evidence.id + "b", *[getattr(evidence, n) for n in evidence.__struct_fields__[1:]]),
    ]
    for live, rolls_back in (("2", False), ("1", True)):
        assert decide(twice, [], at.now(), WATCH, live=live).roll_back is rolls_back  # type: ignore[arg-type]


def test_without_a_lot_among_what_was_stopped_nothing_is_concluded(at: Installation) -> None:
    rows, worth = log_of()
    stopped = (rows["payments"]["score"] >= POINT) & rows["payments"]["by_lot"]
    payments = rows["payments"].assign(
        propensity=rows["payments"]["propensity"].where(rows["payments"]["score"] < POINT, 1.0)
    )
    reviews = rows["reviews"][~rows["reviews"]["payment_id"].isin(payments["payment_id"][stopped])]
    written(at, {**rows, "payments": payments.assign(by_lot=payments["by_lot"] & ~stopped), "reviews": reviews})
    with dg.DagsterInstance.ephemeral() as instance:
        judged(at, worth, instance)
        (evidence,) = newest(instance, dg.AssetKey(["fraud", "outcomes"]))
    assert evidence.present is None
    assert "nothing is concluded" in evidence.detail


def test_the_days_that_mature_are_those_of_a_month_before_and_of_the_feed_the_days_themselves(at: Installation) -> None:
    first, last = date(2026, 5, 1), date(2026, 5, 2)
    assert maturing(TASK, first, last) == [date(2026, 3, 31), date(2026, 4, 1)]
    assert days_to_judge(at, first, last) == [first, last, date(2026, 3, 31), date(2026, 4, 1)]
    assert maturing(HOME_FEED.task, first, last) == []
