"""The simulated city of cards keeps its laws: who compares what was found with the truth relies on them."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from infra.errors import DefinitionError
from infra.settings import Settings
from infra.statistics import recall_by_lot
from orchestration.demo import run_case_story
from orchestration.sources.fraud import PATTERNS, BankEvents, City, events
from orchestration.sources.kit import DAY, deliver

CITY = City(cards=300, terminals=60, days=40, adapts=(12, 18, 24))
REVIEWS_A_DAY = 60


@pytest.fixture(scope="module")
def bank() -> BankEvents:
    return events(CITY)


def day_of(rows: pa.Table) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    start = CITY.start.timestamp()
    return (pc.cast(rows["event_time"], pa.int64()).to_numpy() / 1e6 - start) / DAY


def test_each_pattern_begins_on_its_day_and_there_are_three(bank: BankEvents) -> None:
    days = day_of(bank.rows["payments"])
    first = [days[bank.pattern == pattern].min() for pattern in (1, 2, 3)]
    for begins, begun in zip(CITY.begins, first, strict=True):
        assert begins <= begun < begins + 5, "a pattern begins within days of its day, and not before"
    assert len(PATTERNS) == 4


def test_each_pattern_adapts(bank: BankEvents) -> None:
    rows, days = bank.rows["payments"], day_of(bank.rows["payments"])
    amount, pattern = rows["amount"].to_numpy(), bank.pattern
    testing = (pattern == 1) & (days < CITY.wave_from)
    small = testing & (amount <= 3)
    assert (small & (days < CITY.adapts[0])).sum() > 20 * (small & (days > CITY.adapts[0] + 1)).sum()
    early, late = (
        np.median(amount[(pattern == 3) & which]) for which in (days < CITY.adapts[2], days > CITY.adapts[2])
    )
    assert late < early / 2, "thieves who took an account over pay close to what is usual there"


def test_the_wave_is_single_payments_of_a_device_each(bank: BankEvents) -> None:
    rows, days = bank.rows["payments"], day_of(bank.rows["payments"])
    wave = rows.filter(pa.array((bank.pattern == 1) & (days >= CITY.wave_from + 0.2)))
    assert wave.num_rows > 0.3 * ((bank.pattern == 0) & (days >= CITY.wave_from + 0.2)).sum()
    assert pc.count_distinct(wave["device_id"]).as_py() > 0.9 * wave.num_rows


def test_disputes_come_within_thirty_days_of_payments_that_were_completed(bank: BankEvents) -> None:
    payments, disputes = bank.rows["payments"], bank.rows["disputes"]
    of = payments.select(["payment_id", "event_time", "completed"]).rename_columns(
        ["payment_id", "paid_at", "completed"]
    )
    joined = disputes.join(of, "payment_id")
    waited = sorted(pc.subtract(joined["event_time"], joined["paid_at"]).to_pylist())
    assert pc.all(joined["completed"]).as_py()
    assert waited[-1] <= timedelta(days=30)
    assert timedelta(days=4) < waited[len(waited) // 2] < timedelta(days=9)


def test_reviewers_find_97_of_100_thefts_seldom_accuse_and_never_look_at_more_than_they_can(bank: BankEvents) -> None:
    truth = bank.pattern_of()
    said: dict[bool, list[bool]] = {True: [], False: []}
    for review in bank.rows["reviews"].to_pylist():
        said[truth[review["payment_id"]] != "honest"].append(review["verdict"] == "fraud")
    assert 0.92 < np.mean(said[True]) < 1
    assert np.mean(said[False]) < 0.005
    payments = bank.rows["payments"]
    asked = payments.filter(pc.equal(payments["action"], "review"))
    a_day = asked["event_time"].to_pandas().dt.date.value_counts()
    assert a_day.max() <= REVIEWS_A_DAY


def test_honest_holders_give_up_where_they_are_asked_twice(bank: BankEvents) -> None:
    rows = bank.rows["payments"]
    honest = rows.filter(pa.array(bank.pattern == 0))
    stepped = honest.filter(pc.equal(honest["action"], "step_up"))["completed"].to_numpy(zero_copy_only=False)
    assert 0.02 < 1 - stepped.mean() < 0.2
    allowed = honest.filter(pc.equal(honest["action"], "allow"))["completed"]
    assert pc.all(allowed).as_py()


def test_by_lot_is_one_of_a_hundred_with_its_propensity(bank: BankEvents) -> None:
    rows = bank.rows["payments"]
    usual = rows.filter(pc.equal(rows["action"], "allow"))
    share = pc.mean(pc.cast(usual["by_lot"], pa.float64())).as_py()
    assert 0.006 < share < 0.015
    assert usual.filter(usual["by_lot"])["propensity"].to_numpy() == pytest.approx(0.01)


def test_recall_by_lot_holds_the_truth_in_nine_cities_of_ten() -> None:
    """Of what rules allow or send to review; reviewers who accused 3 honest holders of 100 would spoil all of it."""
    held = []
    for seed in range(100):
        bank = events(replace(CITY, seed=seed))
        payments, reviews = (bank.rows[name].to_pandas() for name in ("payments", "reviews"))
        theft, asked = bank.pattern > 0, (payments["action"] == "review").to_numpy()
        truth = theft[asked].sum() / theft[asked | (payments["action"] == "allow").to_numpy()].sum()
        rows = payments.merge(reviews[["payment_id", "verdict"]], on="payment_id")
        weight = np.where(rows["by_lot"], 1 / rows["propensity"], 1.0)
        estimate = recall_by_lot(rows["verdict"] == "fraud", rows["action"] == "review", weight)
        held.append(estimate.low <= truth <= estimate.high)
    assert np.mean(held) >= 0.9


def test_the_pattern_is_in_no_table(bank: BankEvents) -> None:
    for table, rows in bank:
        assert rows.schema.equals(table.schema)
        assert not {"pattern", "scenario"} & set(rows.column_names)


def test_the_same_seed_gives_the_same_city_and_days_to_come_change_no_past(bank: BankEvents, tmp_path: Path) -> None:
    again = events(replace(CITY))
    assert all(again.rows[name].equals(rows) for name, rows in bank.rows.items())
    deliver(bank, tmp_path, CITY.start, CITY.end)
    landed = pq.read_table(tmp_path / "payments")
    received = bank.rows["payments"]["received_at"]
    assert landed.num_rows == pc.sum(pc.less(received, CITY.end)).as_py(), "what is still under way is not delivered"
    assert sorted(file.name for file in (tmp_path / "payments").iterdir())[0] == f"{CITY.start:%Y-%m-%d}.parquet"


def test_a_story_refuses_a_home_that_no_demo_wrote_and_a_source_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    story = {"path": None, "keep": False, "seed": 7, "out": Console(quiet=True)}
    settings = Settings(home=tmp_path, system="fraud")
    with pytest.raises(DefinitionError, match="no demo wrote"):
        run_case_story(settings, source="simulator", **story)
    with pytest.raises(DefinitionError, match="no story with source"):
        run_case_story(settings, source="nowhere", **story)
    assert (tmp_path / "mine").exists()
