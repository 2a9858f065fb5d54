"""Systems that rank nothing: cases to act on and numbers to say, from rows to a release that is judged."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from decisions import (
    PAYMENT_FEATURES,
    PAYMENT_LIMITS,
    PAYMENTS,
    TRIP_FEATURES,
    TRIP_LIMITS,
    TRIPS,
    payments,
    trips,
)

from feature_repo.definition import FeatureSet
from infra.errors import DefinitionError
from infra.release_format import OPERATING_POINT, Popular
from infra.statistics import drawn_by_poisson
from serving.model.scorer import load_scorer
from training.definition import Task
from training.fitting import Trained, acts_from, load_contender, train_contenders
from training.judging import TrainingRun, judge_candidate
from training.judging.replayed import Replayed
from training.measuring import Said, evaluate
from training.objectives import Classify, Regress
from training.release import report
from training.release.build import build_release
from training.rows.dataset import Dataset
from validation.definition import Cap, GateLimits
from validation.verdict import Verdict

System = tuple[Dataset, Task, FeatureSet, GateLimits, Trained]


@pytest.fixture(scope="module")
def cases() -> System:
    data = payments()
    return data, PAYMENTS, PAYMENT_FEATURES, PAYMENT_LIMITS, train_contenders(data, PAYMENTS)


@pytest.fixture(scope="module")
def numbers() -> System:
    data = trips()
    return data, TRIPS, TRIP_FEATURES, TRIP_LIMITS, train_contenders(data, TRIPS)


def released(system: System, folder: Path) -> Path:
    data, task, features, _, trained = system
    at = data.frame["event_timestamp"].max().to_pydatetime()
    build_release(folder, trained, data, features, task, Popular(), b"{}", version="1", created_at=at)
    return folder


def judged(system: System, folder: Path, limits: GateLimits | None = None, **more: Any) -> Verdict:
    data, task, features, own, trained = system
    names = tuple(feature.name for feature in features.features)

    def again(of: Dataset, rows: Any) -> Replayed:
        return Replayed(names, data.matrix[rows], np.ones(len(rows), dtype=bool), 0, "made again")

    run = TrainingRun(trained, data, task, features)
    return judge_candidate(run, limits or own, released(system, folder), replay=again, **more)


def refused(verdict: Verdict) -> dict[str, str]:
    return {finding.gate: finding.reason for finding in verdict.findings if not finding.passed}


@pytest.mark.parametrize("which", ["cases", "numbers"])
def test_a_better_model_wins_passes_and_says_the_same_when_served(
    which: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    system: System = request.getfixturevalue(which)
    data, _, _, _, trained = system
    assert trained.winner == "xgboost", trained.metrics()
    verdict = judged(system, tmp_path / "r")
    assert verdict.passed, verdict.reasons()
    assert "caps" in {finding.gate for finding in verdict.findings}
    some = data.matrix[:50]
    scores = trained.fitted["xgboost"].scores(some)
    assert np.array_equal(load_contender(tmp_path / "r").scores(some), scores)
    assert np.allclose(load_scorer("xgboost", tmp_path / "r").score(some), scores, rtol=1e-5)


def test_a_line_that_corrects_a_base_says_the_same_when_served(numbers: System, tmp_path: Path) -> None:
    data, task, features, limits, trained = numbers
    of_line: System = (data, task, features, limits, replace(trained, winner="line"))
    scores = trained.fitted["line"].scores(data.matrix[:50])
    folder = released(of_line, tmp_path / "r")
    assert np.array_equal(load_contender(folder).scores(data.matrix[:50]), scores)
    assert np.allclose(load_scorer("ridge", folder).score(data.matrix[:50]), scores)
    errors = {name: trained.evaluations[name].measures["mae"].value for name in ("base", "line", "xgboost")}
    assert errors["xgboost"] < errors["line"] < errors["base"]


def test_the_operating_point_travels_in_the_release_and_nobody_acts_above_it_in_vain(
    cases: System, tmp_path: Path
) -> None:
    trained = cases[4]
    folder = released(cases, tmp_path / "r")
    assert acts_from(folder) == trained.points["xgboost"]
    assert not (released((*cases[:4], replace(trained, points={})), tmp_path / "s") / OPERATING_POINT).exists()
    measured = trained.evaluations["xgboost"].measures
    assert measured["net_benefit"].low > 0, "acting pays"
    assert measured["precision_at_20_a_day"].value > 0


def test_the_point_is_chosen_on_scores_of_rows_that_the_contender_had_not_learned(cases: System) -> None:
    fitted, rows = cases[4].fitted["xgboost"], cases[4].rows["tune"]
    assert fitted.on_tune is not None
    assert not np.allclose(fitted.on_tune, fitted.scores(cases[0].matrix[rows]))


@pytest.mark.parametrize(
    ("caps", "says"),
    [
        ((), "no cap is named"),
        ((Cap("false_positive_rate", at_most=0.0001),), "false_positive_rate"),
        ((Cap("recall", at_least=0.99),), "recall"),
        ((Cap("recal", at_least=0.1),), "`recal` was not measured"),
    ],
)
def test_a_release_beyond_its_cap_is_refused(cases: System, tmp_path: Path, caps: tuple[Cap, ...], says: str) -> None:
    assert says in refused(judged(cases, tmp_path / "r", replace(PAYMENT_LIMITS, caps=caps)))["caps"]


@pytest.mark.parametrize("which", ["cases", "numbers"])
def test_each_gate_of_merit_refuses(which: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """A model that says nothing loses to the baseline, to the live release and in a slice, and what it says is off."""
    system: System = request.getfixturevalue(which)
    trained, objective = system[4], system[1].objective
    live = released(system, tmp_path / "live")
    shuffled = np.random.default_rng(1).permutation(trained.scores["xgboost"]) * np.float32(3)
    said = Said(shuffled, shuffled, 0.02 if which == "cases" else None)
    weights = drawn_by_poisson(trained.judged.clusters, system[1].draws, 0)
    evaluations = {**trained.evaluations, "xgboost": evaluate(objective, trained.judged, said, weights)}
    spoilt: System = (*system[:4], replace(trained, evaluations=evaluations))
    found = refused(judged(spoilt, tmp_path / "r", live=live))
    asked = {"baseline", "champion", "slice", "calibration", "caps"}
    assert asked <= set(found), found
    assert objective.merit in found["champion"]


def test_rows_that_nobody_can_tell_apart_teach_nothing(cases: System, numbers: System) -> None:
    for (data, task, *_), target, says in ((cases, "fraud", "lacks it"), (numbers, "minutes", "has 0")):
        frame = data.frame.assign(**{target: np.float32(0)})
        with pytest.raises(DefinitionError, match=says):
            train_contenders(replace(data, frame=frame), task)


def test_a_base_that_is_no_feature_is_refused_by_name(numbers: System) -> None:
    data, task, *_ = numbers
    with pytest.raises(DefinitionError, match="Did you mean `route`"):
        train_contenders(data, replace(task, objective=Regress(base="rout")))


def test_the_report_draws_what_acting_is_worth(cases: System, tmp_path: Path) -> None:
    *_, trained = cases
    report.write(trained, PAYMENTS, tmp_path)
    assert (tmp_path / "cost_curve.png").stat().st_size > 5_000
    assert "net_benefit" in (tmp_path / "report.md").read_text()
    assert "precision_at_20_a_day" in (tmp_path / "report.md").read_text()


def test_a_case_that_stands_for_many_weighs_as_many_when_models_learn(cases: System) -> None:
    """Half of the frauds at night stand for ten each: chances rise there."""
    data, task, *_, trained = cases
    weight = np.where(data.frame["fraud"] > 0, 10.0, 1.0)
    weighted = train_contenders(replace(data, frame=data.frame.assign(weight=weight)), task)
    heavier, usual = (run.predictions["line"].mean() for run in (weighted, trained))
    assert heavier > 2 * usual
    assert isinstance(task.objective, Classify)


def test_rows_without_the_base_take_no_part_and_are_no_reason_to_fail(numbers: System) -> None:
    data, task, *_ = numbers
    matrix = data.matrix.copy()
    matrix[::50, data.features.index("route")] = np.nan
    one = replace(task, contenders=task.contenders[:2])
    found = train_contenders(replace(data, matrix=matrix), one)
    used = np.concatenate(list(found.rows.values()))
    assert np.isfinite(matrix[used]).all()
    assert np.isfinite(found.evaluations["line"].merits).all()
