"""What XGBoost learns from: the target, the order of a list, or the value of everything that happened."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from shop import FEATURES, LIMITS, NAMES, TASK, served

from infra.errors import DefinitionError
from serving.model import forest
from tests.training.conftest import build
from training.contenders import Boosted, Examples
from training.definition import Task
from training.fitting import train
from training.fitting.saved import load_contender
from training.judging import TrainingRun, judge
from training.rows.dataset import Dataset
from validation.gates.evidence import GateEvidence
from validation.gates.release_gates import calibration_gate

FEW = {"eta": 0.2, "max_depth": 4, "max_bin": 32, "nthread": 1}
ORDER = Boosted("lambdamart", max_trees=40, params=FEW, learns="order")
VALUE = Boosted("value", max_trees=40, params=FEW, learns="value")
WORTH = {"bought": 2.0, "returned": -3.0}


def with_contenders(*contenders: Boosted) -> Task:
    """The shop's task with these beside the columns."""
    return replace(TASK, contenders=(*TASK.contenders[:2], *contenders), also=(), draws=50)


def bought_and_returned(shop: Dataset) -> tuple[Dataset, Task]:
    """The shop, in which half of what is bought is returned: all that is new, and nothing that is old."""
    returned = ((shop.frame["bought"] > 0) & (shop.matrix[:, NAMES.index("age")] < 1.4)).astype(np.float32)
    outcomes = [replace(o, value=WORTH.get(o.name, 0.0)) for o in TASK.outcomes]
    outcomes += [replace(outcomes[0], name="returned", gain=0.0, value=WORTH["returned"], veto=False)]
    task = replace(with_contenders(replace(VALUE, name="target", learns="target"), VALUE), outcomes=tuple(outcomes))
    return replace(shop, frame=shop.frame.assign(returned=returned)), task


def test_lambdamart_ranks_lists_better_than_any_column(shop: Dataset) -> None:
    run = train.train_contenders(shop, with_contenders(ORDER))
    assert run.winner == "lambdamart"
    assert run.metrics()["lambdamart"]["ndcg_at_10_low"] > run.metrics()["best_column"]["ndcg_at_10_high"]
    assert "log_loss" not in run.evaluations["lambdamart"].measures, "its scores are no probabilities"


def test_a_list_is_learned_as_one_whatever_lies_between_its_rows(shop: Dataset) -> None:
    data = Examples(
        shop.matrix,
        shop.frame["bought"].to_numpy(),
        NAMES,
        np.repeat(np.arange(1500), 6),
        shop.frame["gain"].to_numpy(),
    )
    mixed = np.argsort(np.tile(np.arange(6), 1500), kind="stable")  # all first places, then all second ones
    apart = Examples(data.matrix[mixed], data.labels[mixed], NAMES, data.group[mixed], data.gain[mixed])
    scores = [ORDER.fit(rows, rows, 0).scores(shop.matrix[:200]) for rows in (data, apart)]
    assert np.array_equal(*scores)


def test_lists_of_two_parts_stay_apart() -> None:
    part = Examples(
        np.zeros((3, 1), dtype=np.float32), np.zeros(3), ("x",), np.array([0, 1, 1]), np.zeros(3), np.ones(3)
    )
    both = part.beside(part)
    assert both.group is not None
    assert both.group.tolist() == [0, 1, 1, 2, 3, 3]
    assert both.value is not None
    assert len(both.value) == 6


def test_what_people_send_back_counts_against_a_row_only_where_values_are_learned(shop: Dataset) -> None:
    data, task = bought_and_returned(shop)
    run = train.train_contenders(data, task)
    values = {name: run.evaluations[name].measures["value_at_10"] for name in ("target", "value")}
    assert values["value"].low > values["target"].high
    assert run.judged.columns["value"] is not None
    assert run.judged.columns["value"].min() == -1.0, "bought for 2 and returned for −3"


def test_values_may_decide_who_wins(shop: Dataset) -> None:
    data, task = bought_and_returned(shop)
    by_value = replace(task, decides_by="value_at_10")
    assert train.train_contenders(data, by_value).winner == "value"


def test_where_no_outcome_has_a_value_it_is_neither_measured_nor_learned(shop: Dataset, trained: train.Trained) -> None:
    assert "value_at_10" not in trained.metrics()["xgboost"]
    with pytest.raises(
        DefinitionError, match="contender value learns the value, which needs the `value` of an outcome"
    ):
        train.train_contenders(shop, with_contenders(VALUE))


@pytest.mark.parametrize("contender", [ORDER, VALUE], ids=lambda c: c.name)
def test_a_release_of_it_is_read_back_and_served_with_the_same_scores(
    contender: Boosted, shop: Dataset, tmp_path: Path
) -> None:
    data, task = bought_and_returned(shop)
    run = replace(
        train.train_contenders(data, replace(task, contenders=(*TASK.contenders[:2], contender))),
        winner=contender.name,
    )
    folder = build(tmp_path / "1", run, data)
    model = load_contender(folder)
    assert not model.probabilistic
    probe = np.ascontiguousarray(shop.matrix[:300])
    assert np.array_equal(model.scores(probe), run.fitted[contender.name].scores(probe))
    compiled = forest.scores(run.fitted[contender.name].booster, len(NAMES))  # type: ignore[attr-defined]
    assert compiled is not None, "the compiled loops score it, not XGBoost itself"
    assert np.allclose(compiled(probe), model.scores(probe), atol=1e-5)
    verdict = judge.judge_candidate(TrainingRun(run, data, task, FEATURES), LIMITS, folder, replay=served)
    calibration = next(finding for finding in verdict.findings if finding.gate == "calibration")
    assert calibration.passed
    assert calibration.reason == f"{contender.name} gives an order, no probabilities"


def test_only_who_gives_no_probabilities_passes_without_a_calibration_error() -> None:
    evidence = GateEvidence(features=(), candidate="trees")
    assert not calibration_gate(evidence, LIMITS).passed, "it gives probabilities, and they were not held to anything"
    assert calibration_gate(replace(evidence, probabilistic=False), LIMITS).passed
    assert not calibration_gate(replace(evidence, probabilistic=False, calibration_error=0.2), LIMITS).passed
