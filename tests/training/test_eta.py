"""The ETA's own task and limits on a small city: base, line, trees, a promise, and what each gate refuses."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from feature_repo.definition import FeatureSet
from feature_repo.request_time import Context
from infra.errors import DefinitionError
from infra.release_format import Popular
from infra.statistics import drawn_by_poisson
from orchestration.sources.eta import City, World
from training.contenders import Boosted
from training.definition import Task
from training.fitting import Trained, acts_from, train_contenders
from training.judging import TrainingRun, judge_candidate
from training.judging.replayed import Replayed
from training.measuring import Said, evaluate
from training.objectives import Judged, Regress
from training.release.build import build_release
from training.rows import dataset
from training.rows.dataset import Dataset
from training.systems.eta import TASK
from validation.definition import Cap, GateLimits
from validation.gates.evidence import Lineage
from validation.systems.eta import ETA_LIMITS
from validation.verdict import Verdict

FEATURES = ("route_minutes", "hour", "rain", "goal_arrived_30d", "slow", *(f"wind_{n}" for n in range(6)))
TREES = Boosted(params={"eta": 0.2, "max_depth": 4, "max_bin": 64, "nthread": 1}, max_trees=60)
SMALL = replace(TASK, contenders=(*TASK.contenders[:2], TREES), draws=60)
OF_REQUEST = FeatureSet("eta", 1, "tests", {}, (), (), (), (), tuple(Context(name, neutral=0.0) for name in FEATURES))


@pytest.fixture(scope="module")
def city() -> World:
    return World(City(days=12, trips_a_day=220, incidents_a_day=2.0))


@pytest.fixture(scope="module")
def rows(city: World) -> Dataset:
    """Updates with what a model may know: the route, the hour, the rain, how slow the city was an hour ago."""
    updates, trips, roads = city.updates, city.trips, city.roads
    order = np.argsort(updates.at, kind="stable")
    of, at = updates.trip[order], updates.at[order]
    base = roads.ways[0][updates.here[order], trips.goal[of]]
    slow = roads.factor(np.full(len(at), 7), np.full(len(at), 12), np.maximum(at - 1800, 0.0))
    known = np.log1p(np.where(trips.goal[of] >= 18, 5.0, 200.0))
    wind = np.random.default_rng(0).gamma(3.0, 5.0, (6, len(at)))  # says nothing, and tells rows apart
    matrix = np.column_stack([base, at % 86_400 / 3600, roads.rain[(at // 3600).astype(int)], known, slow, *wind])
    moments = pd.Timestamp(city.city.start) + pd.to_timedelta(at, unit="s")
    frame = pd.DataFrame({
        "event_timestamp": moments.astype("datetime64[us, UTC]"), "trip_id": of.astype(str),
        "driver_id": trips.driver[of].astype(str), "minutes_left": ((trips.arrived[of] - at) / 60).astype(np.float32),
        "gain": np.float32(0), "fits": True, "judged": True,
    })  # fmt: skip
    lineage = tuple(Lineage(name, "the request", 0.0) for name in FEATURES)
    return dataset.dataset_of(frame, matrix.astype(np.float32), FEATURES, lineage, dict.fromkeys(FEATURES, 0.0))


@pytest.fixture(scope="module")
def trained(rows: Dataset) -> Trained:
    return train_contenders(rows, SMALL)


def released(rows: Dataset, trained: Trained, folder: Path) -> Path:
    at = rows.frame["event_timestamp"].max().to_pydatetime()
    build_release(folder, trained, rows, OF_REQUEST, SMALL, Popular(), b"{}", version="1", created_at=at)
    return folder


def judged(rows: Dataset, trained: Trained, folder: Path, limits: GateLimits = ETA_LIMITS, **more: Any) -> Verdict:
    def again(of: Dataset, chosen: Any) -> Replayed:
        return Replayed(FEATURES, rows.matrix[chosen], np.ones(len(chosen), dtype=bool), 0, "made again")

    run = TrainingRun(trained, rows, SMALL, OF_REQUEST)
    return judge_candidate(run, limits, released(rows, trained, folder), replay=again, **more)


def refused(verdict: Verdict) -> dict[str, str]:
    return {finding.gate: finding.reason for finding in verdict.findings if not finding.passed}


def test_base_line_and_trees_stand_in_one_report_and_each_errs_less(trained: Trained) -> None:
    mae = {name: found.measures["mae"] for name, found in trained.evaluations.items()}
    assert mae["xgboost"].high < mae["linear_residual"].value < mae["base"].low
    assert trained.winner == "xgboost"
    for measure in ("coverage_p90", "said_too_little", "jumps_over_2", "within_2"):
        found = trained.evaluations["xgboost"].measures[measure]
        assert found.low <= found.value <= found.high, measure


def test_it_is_told_how_it_does_on_long_ways_in_rush_hours_in_rain_and_to_new_zones(trained: Trained) -> None:
    slices = {name for name, found in trained.evaluations["xgboost"].slices.items() if found}
    assert {"length", "rush", "rain", "zone"} <= slices


def test_the_promise_is_kept_nine_times_of_ten_and_travels_in_the_release(
    rows: Dataset, trained: Trained, tmp_path: Path
) -> None:
    kept = trained.evaluations["xgboost"].measures["coverage_p90"]
    assert 0.85 < kept.value < 0.97, "days differ: it is nine times of ten over many of them"
    assert acts_from(released(rows, trained, tmp_path / "r")) == trained.points["xgboost"] > 1


def test_a_better_model_passes_every_gate(rows: Dataset, trained: Trained, tmp_path: Path) -> None:
    verdict = judged(rows, trained, tmp_path / "r")
    assert verdict.passed, verdict.reasons()


@pytest.mark.parametrize(
    "cap", [Cap("coverage_p90", at_least=0.99), Cap("jumps_over_2", at_most=0.001), Cap("coverage_p95", at_least=0.1)]
)
def test_a_promise_too_seldom_kept_or_a_number_that_jumps_is_refused(
    rows: Dataset, trained: Trained, tmp_path: Path, cap: Cap
) -> None:
    assert cap.measure in refused(judged(rows, trained, tmp_path / "r", replace(ETA_LIMITS, caps=(cap,))))["caps"]


def test_a_model_worse_than_the_plain_route_is_refused_by_each_gate_of_merit(
    rows: Dataset, trained: Trained, tmp_path: Path
) -> None:
    live = released(rows, trained, tmp_path / "live")
    wild = trained.scores["xgboost"] * np.random.default_rng(1).uniform(0.2, 3.0, len(trained.scores["xgboost"]))
    weights = drawn_by_poisson(trained.judged.clusters, SMALL.draws, 0)
    worse = evaluate(SMALL.objective, trained.judged, Said(wild, wild, trained.points["xgboost"]), weights)
    spoilt = replace(trained, evaluations={**trained.evaluations, "xgboost": worse})
    found = refused(judged(rows, spoilt, tmp_path / "r", live=live))
    assert {"baseline", "champion", "slice", "calibration", "caps"} <= set(found)


def of_one_trip(truth: np.ndarray) -> Judged:
    return Judged(1, len(truth), np.zeros(len(truth), dtype=int), np.arange(len(truth)), truth)


def test_the_factor_of_a_promise_is_kept_by_so_many_of_the_rows() -> None:
    objective, said = Regress(promise=0.9), np.full(200, 10.0)
    took = np.linspace(5.0, 25.0, 200)
    factor = objective.operating_point(of_one_trip(took), said)
    assert factor is not None
    assert np.mean(took <= said * factor) == pytest.approx(0.9, abs=0.01)
    measured = dict(objective.measures(of_one_trip(took), said, factor))["coverage_p90"](np.ones((1, 200)))
    assert measured[0] == pytest.approx(0.9, abs=0.01)


def test_without_a_promise_a_number_has_no_operating_point() -> None:
    assert Regress().operating_point(of_one_trip(np.ones(3)), np.ones(3)) is None
    with pytest.raises(DefinitionError, match="between 0 and 1"):
        Regress(promise=90)


def test_definitions_name_what_is_not_there() -> None:
    with pytest.raises(DefinitionError, match="Did you mean `minutes_left`"):
        replace(TASK, target="minutes_lef")
    assert isinstance(TASK, Task)
