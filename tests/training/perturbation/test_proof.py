"""The proof by perturbation: honest rows pass it, and a builder that looks ahead does not."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from feature_repo.folding import published_states
from infra.arrays import Float32s
from infra.errors import DefinitionError
from infra.freshness import Freshness
from infra.lake import Lake
from infra.settings import Settings
from tests.training.rows.test_dataset import CALLS, DELAYS, FEATURES, SHIPS, TABLES, TASK
from training.perturbation import Workshop, altered_lake, perturbation_proof, rebuilt_labels, rebuilt_matrix, sampled
from training.rows import Dataset, build_label_versions, build_training_set, dataset_of
from training.rows.lineage import Lineage

START = datetime(2026, 5, 3, tzinfo=UTC)
DAYS = (date(2026, 5, 3), date(2026, 5, 5))
CUT = datetime(2026, 5, 5, 12, tzinfo=UTC)
ALL = tuple(TABLES.values())


def deliver(lake: Lake) -> None:
    """Three days of calls by twelve ships at two ports, some of them late; a ship is described anew every day."""
    draw = np.random.default_rng(2)
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}
    for day in range(3):
        for ship in range(12):
            at = START + timedelta(days=day, hours=ship)
            built = at - timedelta(days=1000 * (ship + 1), hours=day)
            rows["ships"].append({"ship": f"s{ship}", "flag": f"f{ship % 3}", "built": built, "at": at, "known": at})
    for i in range(900):
        at = START + timedelta(hours=12, seconds=float(draw.uniform(0, 59 * 3600)))
        call = {"call": f"c{i}", "port": f"p{i % 2}", "ship": f"s{draw.integers(12)}", "draught": float(draw.random())}
        rows["calls"].append({**call, "at": at, "known": at + timedelta(seconds=float(draw.integers(1, 60)))})
        if i % 3 == 0:
            known = at + timedelta(minutes=float(draw.integers(1, 20)))
            rows["delays"].append({"delay": f"d{i}", "call": f"c{i}", "hours": 2.0, "at": at, "known": known})
    for name, lines in rows.items():
        table = pa.Table.from_pylist(lines, schema=TABLES[name].schema)
        received = np.array([line["known"].date() for line in lines])
        for day in sorted(set(received)):
            lake.append(f"tables/{name}", day, table.filter(pa.array(received == day)))


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory, spark: Any) -> Workshop:
    """The harbour over three days."""
    settings = Settings(home=tmp_path_factory.mktemp("harbour"))
    deliver(Lake(settings.lake))
    return Workshop(settings, Lake(settings.lake), FEATURES, TASK, ALL)


def trained(workshop: Workshop) -> Dataset:
    """Its training set, from features that are published anew."""
    from feature_repo.folding import publish_profiles
    from feature_repo.stores import open_store

    where = (workshop.spark, workshop.lake, workshop.features, workshop.by_name)
    published_states.publish_states(*where, *DAYS)
    publish_profiles(*where, *DAYS)
    labels = (workshop.task, workshop.features, workshop.by_name, CUT + timedelta(hours=12))
    versions = build_label_versions(workshop.spark, workshop.lake, *labels, *DAYS)
    store = open_store(workshop.settings, workshop.features)
    return build_training_set(versions, store, workshop.features, workshop.task)


@pytest.fixture
def an_hour_ahead(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A builder that publishes every state an hour before its events were known."""
    honest = published_states.contributions

    def early(*asked: Any) -> Any:
        from pyspark.sql import functions as sf

        midnight = sf.date_trunc("day", "published_at")  # days are published one by one
        hour = sf.expr("INTERVAL 1 HOUR")
        return honest(*asked).withColumn("published_at", sf.greatest(sf.col("published_at") - hour, midnight))

    monkeypatch.setattr(published_states, "contributions", early)
    return None


def test_honest_rows_stay_byte_equal_and_those_after_the_cut_change(workshop: Workshop) -> None:
    found = perturbation_proof(workshop, trained(workshop), seed=1)
    assert (found.before, found.after) == (150, 50)
    assert (found.knows_later, found.not_rebuilt) == ({}, {})
    assert found.moved > 45


@pytest.mark.usefixtures("an_hour_ahead")
def test_a_builder_that_looks_an_hour_ahead_is_found_by_the_features_it_made(workshop: Workshop) -> None:
    found = perturbation_proof(workshop, trained(workshop), seed=1, rebuild=rebuilt_matrix)
    assert set(found.knows_later) == {"ship_calls", "flag_calls"}


def test_labels_that_were_known_at_the_cut_do_not_change_with_what_came_later(
    workshop: Workshop, tmp_path: Path
) -> None:
    known = rebuilt_labels(workshop, workshop.lake, CUT)
    altered = rebuilt_labels(workshop, altered_lake(workshop.lake, tmp_path, ALL, CUT, seed=3), CUT)
    assert len(known) > 300
    pd.testing.assert_frame_equal(known, altered)
    later = CUT + timedelta(hours=12)
    labels = (workshop.task, workshop.features, workshop.by_name, later, *DAYS)
    changed = build_label_versions(workshop.spark, Lake(tmp_path), *labels)
    assert not changed.equals(build_label_versions(workshop.spark, workshop.lake, *labels)), "what came before changes"


@pytest.mark.parametrize("table", ALL, ids=lambda table: table.name)
def test_all_that_was_received_after_the_cut_is_changed_and_nothing_else(
    workshop: Workshop, tmp_path: Path, table: Any
) -> None:
    def rows(lake: Lake) -> pd.DataFrame:
        return lake.read(f"tables/{table.name}", schema=table.schema).to_pandas()

    before = rows(workshop.lake)
    after = rows(altered_lake(workshop.lake, tmp_path, ALL, CUT, seed=3))
    early, early_now = before[before["known"] <= CUT], after[after["known"] <= CUT]
    order = [*table.key, "at"]
    pd.testing.assert_frame_equal(*(f.sort_values(order, ignore_index=True) for f in (early, early_now)))
    same = after[after["known"] > CUT].merge(before, how="inner")
    assert 0 < len(same) < 0.6 * (before["known"] > CUT).sum() or table is SHIPS
    back_dated = after[(after["known"] > CUT) & (after["at"] < CUT - timedelta(hours=1))]
    assert len(back_dated) >= len(early[early["known"] > CUT - timedelta(hours=12)]) > 0
    assert table not in (CALLS, DELAYS) or not after[table.key[0]].duplicated().any()


def rows_of_a_day(count: int = 400) -> Dataset:
    """Rows of two random features."""
    at = pd.Series(pd.date_range(START, periods=count, freq="3min")).astype("datetime64[us, UTC]")
    frame = pd.DataFrame({"event_timestamp": at, "number": np.arange(count)})
    matrix = np.random.default_rng(0).random((count, 2)).astype(np.float32)
    matrix[::7, 1] = np.nan
    known = tuple(Lineage(f.name, "", 0.0) for f in FEATURES.features[:2])
    return dataset_of(frame, matrix, tuple(f.name for f in FEATURES.features[:2]), known, {})


def rebuilding(dataset: Dataset, change: Callable[[Float32s, Any, int | None], None]) -> Any:
    """A builder that gives what was trained on, changed."""

    def build(workshop: Workshop, home: Path, rows: pd.DataFrame, cut: datetime, seed: int | None) -> Float32s:
        matrix = dataset.matrix[rows["number"]].copy()
        late = (rows["event_timestamp"] > cut).to_numpy()
        if seed is not None and change is not frozen:
            matrix[late] += 1
        change(matrix, late, seed)
        return matrix

    return build


def leak(matrix: Float32s, late: Any, seed: int | None) -> None:
    if seed is not None:
        matrix[~late, 0] += 1e-6


def elsewhere(matrix: Float32s, late: Any, seed: int | None) -> None:
    matrix[~late, 1] = 0.5


def rounding(matrix: Float32s, late: Any, seed: int | None) -> None:
    matrix[~late, 0] = np.nextafter(matrix[~late, 0], np.float32(2))


def frozen(matrix: Float32s, late: Any, seed: int | None) -> None:
    """Nothing changes, whatever is altered."""


@pytest.mark.parametrize(
    ("change", "expected"),
    [(leak, (True, False)), (elsewhere, (False, True)), (rounding, (False, False)), (frozen, (False, False))],
)
def test_a_leak_a_foreign_column_and_rounding_are_told_apart(
    tmp_path: Path, change: Any, expected: tuple[bool, bool]
) -> None:
    dataset = rows_of_a_day()
    workshop = Workshop(
        Settings(home=tmp_path), Lake(tmp_path), replace(FEATURES, features=FEATURES.features[:2]), TASK, ALL
    )
    found = perturbation_proof(workshop, dataset, 0, rebuild=rebuilding(dataset, change))
    assert (bool(found.knows_later), bool(found.not_rebuilt)) == expected
    assert (found.moved > 0) is (change is not frozen)


def test_a_column_that_is_no_feature_cannot_be_built_again(tmp_path: Path) -> None:
    dataset = rows_of_a_day()
    workshop = Workshop(
        Settings(home=tmp_path), Lake(tmp_path), replace(FEATURES, features=FEATURES.features[:1]), TASK, ALL
    )
    one = replace(dataset, matrix=dataset.matrix[:, :1])
    found = perturbation_proof(workshop, dataset, 0, rebuild=rebuilding(one, lambda *_: None))
    assert found.not_rebuilt == {"flag_calls": 150}


def test_where_a_day_has_few_rows_a_cut_is_drawn_from_the_rows_of_several() -> None:
    sparse = rows_of_a_day()
    shown = START + pd.to_timedelta(np.arange(400) * 3, unit="h")
    until, later, cut = sampled(replace(sparse, frame=sparse.frame.assign(event_timestamp=shown.as_unit("us"))), 0)
    assert (len(until), len(later)) == (150, 50)
    assert shown[until].max() == pd.Timestamp(cut) < shown[later].min()
    assert shown[until[0]].date() < shown[until[-1]].date()


def test_where_states_come_online_once_a_night_rows_of_the_next_day_have_to_change() -> None:
    rows = rows_of_a_day()
    shown = START + pd.to_timedelta(np.arange(len(rows.frame)) * 10, unit="m")
    nightly = replace(
        rows, frame=rows.frame.assign(event_timestamp=shown.as_unit("us")), freshness=Freshness(86_400, 3_600)
    )
    until, later, cut = sampled(nightly, 0)
    assert len(until)
    assert len(later)
    assert shown[until].max() == pd.Timestamp(cut)
    midnight = pd.Timestamp(cut).ceil("D")
    assert shown[later].min() >= midnight + pd.Timedelta(hours=1), "before, nothing of after the cut is online"


def test_the_same_seed_draws_the_same_rows_and_another_one_others() -> None:
    dataset = rows_of_a_day()
    first, again, other = (sampled(dataset, seed) for seed in (1, 1, 2))
    assert first[2] == again[2] != other[2]
    assert np.array_equal(first[0], again[0])
    assert dataset.times()[first[0]].max() == np.datetime64(first[2].replace(tzinfo=None))


def test_a_day_that_cannot_be_cut_is_named() -> None:
    with pytest.raises(DefinitionError, match="1 rows were shown until 2026-05-03"):
        sampled(rows_of_a_day(1), 0)
