"""Each objective: a better model has the larger merit, and each measure is what a person would count by hand."""

from dataclasses import replace

import numpy as np
import pytest

from infra.arrays import AnyArray
from infra.errors import DefinitionError
from infra.statistics import drawn_by_poisson
from training.objectives import (
    Choose,
    Classify,
    Costs,
    Judged,
    Objective,
    Quantile,
    Rank,
    Regress,
    Retrieve,
    acted_on,
    jumps,
    measure_names,
    role_numbers,
)

RNG = np.random.default_rng(3)
ROWS, CLUSTERS = 400, 40


def judged(truth: AnyArray, unit: AnyArray | None = None, **columns: AnyArray) -> Judged:
    rows = len(truth)
    units = np.arange(rows) if unit is None else unit
    return Judged(int(units.max()) + 1, CLUSTERS, units, units % CLUSTERS, np.asarray(truth, dtype=float), columns)


def once(judged_rows: Judged) -> AnyArray:
    return np.ones((1, judged_rows.clusters), dtype=np.float32)


def measured(objective: Objective, rows: Judged, predicted: AnyArray, point: float | None = None) -> dict[str, float]:
    every = (
        *objective.measures(rows, predicted, point),
        *objective.of_all(rows, predicted, point),
        *objective.of_predictions(rows, predicted),
    )
    return {name: float(measure(once(rows))[0]) for name, measure in every}


def cases() -> list[tuple[Objective, Judged, AnyArray, AnyArray]]:
    """Every objective with rows, what a good model says of them, and what a worse one says."""
    label = (RNG.random(ROWS) < 0.3).astype(float)
    good, worse = label + RNG.normal(0, 0.3, ROWS), label + RNG.normal(0, 2, ROWS)
    pages = np.arange(ROWS) // 10
    number, noise = RNG.gamma(3, 5, ROWS), RNG.normal(0, 1, ROWS)
    levels = np.quantile(number, [0.5, 0.9])
    value = RNG.normal(0, 1, (ROWS, 3)) + 5
    action = RNG.integers(0, 3, ROWS)
    logged = judged(value[np.arange(ROWS), action], action=action, propensity=np.full(ROWS, 1 / 3))
    return [
        (Rank(), judged(label, pages, gain=label), good, worse),
        (Classify(), judged(label), good, worse),
        (Regress(), judged(number), number + noise, number + 3 * noise),
        (Quantile((0.5, 0.9)), judged(number), np.tile(levels, (ROWS, 1)), np.tile(levels / 3, (ROWS, 1))),
        (Retrieve(), judged(label, pages), good, worse),
        (Choose(("low", "usual", "high")), logged, value, value[:, ::-1]),
    ]


@pytest.mark.parametrize("case", cases(), ids=lambda case: type(case[0]).__name__)
def test_a_better_model_has_the_larger_merit_and_its_measures_have_intervals(
    case: tuple[Objective, Judged, AnyArray, AnyArray],
) -> None:
    objective, rows, good, worse = case
    points = [objective.operating_point(rows, predicted) for predicted in (good, worse)]
    merits = [objective.merits(rows, *args) for args in zip((good, worse), points, strict=True)]
    assert merits[0].shape == (rows.units,)
    assert np.nanmean(merits[0]) > np.nanmean(merits[1])
    weights = drawn_by_poisson(rows.clusters, 20, 0)
    for name, measure in objective.measures(rows, good, points[0]):
        drawn = measure(weights)
        assert drawn.shape == (20,), name
        assert np.isfinite(drawn).all(), name


def test_acting_on_a_case_is_worth_what_it_saves_less_what_it_costs() -> None:
    objective = Classify(Costs(missed=1.0, friction=5.0, handling=1.0), amount="euros")
    assert objective.roles == {"amount": "euros"}
    rows = judged(np.array([1, 0, 1, 0]), amount=np.array([100.0, 100.0, 20.0, 3.0]))
    merits = objective.merits(rows, np.array([0.9, 0.8, 0.1, 0.1]), 0.5)
    assert merits.tolist() == [99.0, -6.0, 0.0, 0.0]


def test_the_operating_point_is_where_the_tuning_rows_gain_most() -> None:
    objective = Classify(Costs(friction=1.0))
    rows = judged(np.array([1, 1, 0, 1, 0, 0, 0]))
    scores = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3])
    assert objective.operating_point(rows, scores) == pytest.approx(0.8)
    dear = Classify(Costs(friction=0.2))
    assert dear.operating_point(rows, scores) == pytest.approx(0.6), "cheap friction acts on more"


def test_nobody_acts_where_acting_never_pays() -> None:
    objective, rows = Classify(Costs(missed=1.0, friction=1.0, handling=2.0)), judged(np.array([1, 0, 0]))
    scores = np.array([0.9, 0.5, 0.1])
    assert objective.operating_point(rows, scores) == np.inf
    assert objective.merits(rows, scores, np.inf).tolist() == [0, 0, 0]
    assert measured(objective, rows, scores, np.inf)["recall"] == 0


def test_cases_that_tie_are_acted_on_together() -> None:
    """A threshold cannot take half of them."""
    objective, rows = Classify(Costs(friction=3.0)), judged(np.array([1, 0]))
    assert objective.operating_point(rows, np.array([0.5, 0.5])) == np.inf


def test_measures_of_cases_are_those_of_scikit_learn() -> None:
    from sklearn.metrics import average_precision_score, roc_curve

    label = (RNG.random(ROWS) < 0.2).astype(float)
    scores = np.round(label + RNG.normal(0, 1, ROWS), 1)
    found = measured(Classify(false_positives=(0.05,)), judged(label), scores)
    assert found["average_precision"] == pytest.approx(average_precision_score(label, scores))
    false, true, _ = roc_curve(label, scores, drop_intermediate=False)
    assert found["recall_at_0.05"] == pytest.approx(true[false <= 0.05].max())


def test_a_days_queue_holds_each_card_once() -> None:
    objective = Classify(counted="card", queue=2)
    rows = judged(np.array([1, 1, 0, 0, 1, 0]), day=np.array([0, 0, 0, 1, 1, 1]), counted=np.array([7, 7, 8, 7, 8, 9]))
    scores = np.array([0.9, 0.8, 0.7, 0.9, 0.2, 0.8])
    assert measured(objective, rows, scores, 0.5)["precision_at_2_a_day"] == pytest.approx((1 / 2 + 0 / 2) / 2)


def test_quantiles_that_are_kept_as_often_as_they_say_are_calibrated() -> None:
    truth = np.arange(100.0)
    rows, objective = judged(truth), Quantile((0.5, 0.9))
    honest, low = np.tile([49.0, 89.0], (100, 1)), np.tile([49.0, 49.0], (100, 1))
    off = [measured(objective, rows, predicted)["coverage_error"] for predicted in (honest, low)]
    assert off == pytest.approx([0.0, 0.4])


@pytest.mark.parametrize("levels", [(), (0.9, 0.5), (0.5, 0.5), (0.0, 0.5), (0.5, 1.0)])
def test_levels_that_are_no_quantiles_are_refused(levels: tuple[float, ...]) -> None:
    with pytest.raises(DefinitionError, match="between 0 and 1, rising"):
        Quantile(levels)


def test_the_value_of_a_choice_is_right_where_its_model_is_wrong() -> None:
    """What really followed corrects what was expected, as the logged propensities weigh it."""
    truth = np.array([1.0, 2.0, 4.0])
    action = RNG.integers(0, 3, 60_000)
    rows = Judged(len(action), CLUSTERS, np.arange(len(action)), np.arange(len(action)) % CLUSTERS, truth[action],
                  {"action": action, "propensity": np.full(len(action), 1 / 3)})  # fmt: skip
    wrong = np.tile([0.0, 0.0, 9.0], (len(action), 1))
    objective = Choose(("low", "usual", "high"))
    assert objective.merits(rows, wrong, None).mean() == pytest.approx(4.0, abs=0.1)
    assert measured(objective, rows, wrong)["effective_share"] == pytest.approx(1 / 3, abs=0.01)
    false = Judged(rows.units, CLUSTERS, rows.unit, rows.cluster, rows.truth,
                   {"action": action, "propensity": np.full(len(action), 0.5)})  # fmt: skip
    off = [measured(objective, each, wrong)["propensity_error"] for each in (rows, false)]
    assert off == pytest.approx([0.0, 1 / 3]), "propensities that are too large are seen"


def test_a_query_with_nothing_relevant_judges_nobody() -> None:
    rows = judged(np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1]))
    merits = Retrieve().merits(rows, np.array([0.3, 0.2, 0.9, 0.1]), None)
    assert np.isnan(merits[0])
    assert merits[1] == 0.5
    assert Retrieve().calibration == ""


def test_a_bias_is_told_as_a_share_of_the_mean() -> None:
    rows = judged(np.full(50, 20.0))
    assert measured(Regress(), rows, np.full(50, 22.0))["bias_share"] == pytest.approx(0.1)
    assert measured(Regress(within=2.0), rows, np.full(50, 22.0))["within_2"] == 1.0


def test_a_row_that_stands_for_many_counts_as_many() -> None:
    """Two of a hundred allowed cases were looked at by lot: each stands for fifty."""
    objective = Classify(Costs(friction=1.0))
    truth, scores, weight = np.array([1.0, 0.0, 1.0]), np.array([0.9, 0.8, 0.1]), np.array([1.0, 50.0, 50.0])
    weighted = Judged(3, 3, np.arange(3), np.arange(3), truth, weight=weight)
    copied = np.repeat(np.arange(3), weight.astype(int))
    every = Judged(101, 101, np.arange(101), np.arange(101), truth[copied])
    for point in (0.05, 0.5):
        merits = objective.merits(weighted, scores, point).mean()
        assert merits == pytest.approx(objective.merits(every, scores[copied], point).mean())
        one, many = (
            measured(objective, rows, said, point) for rows, said in ((weighted, scores), (every, scores[copied]))
        )
        for name in ("auc", "recall", "false_positive_rate", "average_precision", "recall_at_0.01"):
            assert one[name] == pytest.approx(many[name]), name


def test_updates_of_a_trip_that_move_its_end_are_counted_as_jumps() -> None:
    """The first update moves nothing; the second says the same end; the third one three minutes later."""
    found = jumps(np.array([4, 4, 4, 9]), np.array([0.0, 5.0, 10.0, 10.0]), np.array([20.0, 15.0, 13.0, 7.0]), 2.0)
    assert np.array_equal(found, [np.nan, 0.0, 1.0, np.nan], equal_nan=True)


@pytest.mark.parametrize("case", cases(), ids=lambda case: type(case[0]).__name__)
def test_every_measure_that_an_objective_tells_has_its_name_listed(
    case: tuple[Objective, Judged, AnyArray, AnyArray],
) -> None:
    objective, rows, good, _ = case
    assert {objective.merit, *measured(objective, rows, good, 0.5)} <= set(measure_names(objective))


def test_a_case_without_an_amount_is_worth_nothing_known_whatever_is_decided_and_moves_no_point() -> None:
    objective = Classify(Costs(friction=5.0, handling=1.0), amount="euros")
    rows = judged(np.array([1, 0, 1, 0]), amount=np.array([np.nan, np.nan, 90.0, 9.0]))
    scores = np.array([0.9, 0.8, 0.7, 0.1])
    for point in (0.05, 0.75, np.inf):
        assert np.isnan(objective.merits(rows, scores, point)).tolist() == [True, True, False, False]
    assert np.isnan(objective.perfect(rows)).tolist() == [True, True, False, False]
    assert objective.operating_point(rows, scores) == pytest.approx(0.7)
    assert np.isfinite(objective.curves(rows, scores, 0.7)["cost_curve"].y).all()


def test_an_action_of_the_log_is_the_models_column_of_that_name_in_whatever_order_words_appear() -> None:
    objective = Choose(("low", "high"))
    words = np.array(["high", "low", "high", "unheard of"], dtype=object)
    action = role_numbers(objective, "action", words)
    assert action.tolist() == [1, 0, 1, -1]
    says_high = np.tile([0.0, 1.0], (4, 1))
    rows = judged(np.array([3.0, 9.0, 5.0, 7.0]), action=action, propensity=np.array([0.5, 0.5, np.nan, 0.5]))
    found, of_low = (objective.merits(rows, said, None) for said in (says_high, says_high[:, ::-1]))
    assert found[:2].tolist() == [1 + 2 * (3 - 1), 1.0]
    assert np.isnan(found[2:]).all()
    assert np.array_equal(np.isnan(found), np.isnan(of_low)), "compared on the same decisions"
    assert np.isfinite(list(measured(objective, rows, says_high).values())).all()


@pytest.mark.parametrize("objective", [Classify(), Regress(within=1.0, promise=0.5), Quantile((0.5,))])
def test_a_row_that_stands_for_three_is_measured_like_three_rows(objective: Objective) -> None:
    truth, said = np.array([1.0, 0.0, 0.0, 1.0]), np.array([0.9, 0.6, 0.3, 0.2])
    weight = np.array([1, 3, 1, 1])
    weighted = replace(judged(truth), weight=weight.astype(np.float32))
    thrice = judged(np.repeat(truth, weight))
    by_weight, by_rows = (
        measured(objective, weighted, said, 0.5),
        measured(objective, thrice, np.repeat(said, weight), 0.5),
    )
    for name in by_rows.keys() - {"precision_at_100_a_day"}:
        assert by_weight[name] == pytest.approx(by_rows[name], nan_ok=True), name


def test_a_promise_is_no_score_to_act_from() -> None:
    said = np.array([1.0, 2.0])
    assert acted_on(Regress(promise=0.9), said, 1.5) is None
    assert acted_on(Classify(), said, None) is None
    assert acted_on(Classify(), said, 1.5).tolist() == [False, True]  # type: ignore[union-attr]
