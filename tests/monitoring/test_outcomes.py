"""Outcomes: what was shown and how it went, beside what was promised."""

import numpy as np
import pandas as pd
import pytest

from infra.errors import DefinitionError
from infra.statistics import auc, clustered_error
from monitoring import outcomes
from monitoring.definition import Watch
from training.objectives import Classify, Costs, Objective, Rank, Regress

WATCH = Watch(critical=(), min_outcome_rows=2_000)
RANK = Rank()


def shown(
    requests: int = 600, skill: float = 1.5, release: str = "7", served_by: str = "model", seed: int = 0
) -> pd.DataFrame:
    """Feed answers of ten places; `skill` is how well the score tells the label."""
    rng = np.random.default_rng(seed)
    label = (rng.random(requests * 10) < 0.3).astype(np.int8)
    score = skill * label + rng.normal(size=len(label))
    made = pd.DataFrame(
        {"unit": np.repeat([f"{release}-{i}" for i in range(requests)], 10), "label": label, "score": score}
    )
    made["position"] = made.groupby("unit")["score"].rank(ascending=False).astype(int)
    return made.assign(release=release, served_by=served_by)


def promised(frame: pd.DataFrame) -> float:
    part = outcomes.measure(frame, {}, WATCH, RANK).of("7")
    assert part is not None
    return part.merit


def test_a_release_that_does_as_promised_is_left_alone() -> None:
    judge, live = shown(seed=1), shown(seed=2)
    report = outcomes.measure(live, {"7": {"ndcg_at_10": promised(judge)}}, WATCH, RANK)
    part = report.of("7")
    assert part is not None
    assert part.finding == "as promised"
    assert part.merit == pytest.approx(promised(live))
    assert part.auc == pytest.approx(auc(live["label"].to_numpy(), live["score"].to_numpy()))
    assert (part.rows, part.units, part.promised) == (6_000, 600, promised(judge))


def test_a_release_that_lost_its_skill_is_a_merit_drop() -> None:
    report = outcomes.measure(shown(skill=1.2, seed=2), {"7": {"ndcg_at_10": promised(shown(seed=1))}}, WATCH, RANK)
    part = report.of("7")
    assert part is not None
    assert part.finding == "merit drop"
    assert part.drop > 0.02
    assert "| 7 | all |" in report.markdown()


def test_a_drop_that_chance_makes_is_none() -> None:
    """At 200 pages the standard error of NDCG is above 0.013: 0.021 below the promise proves nothing."""
    live = shown(requests=200, skill=0.3, seed=3)
    report = outcomes.measure(live, {"7": {"ndcg_at_10": promised(live) + 0.021}}, WATCH, RANK)
    assert report.parts[0].error > 0.0129
    assert report.parts[0].finding == "as promised"


@pytest.mark.parametrize(
    "frame", [shown(requests=20), shown().assign(label=1), shown()[:0]], ids=["few", "one class", "none"]
)
def test_a_window_that_cannot_tell_says_so(frame: pd.DataFrame) -> None:
    report = outcomes.measure(frame, {"7": {"ndcg_at_10": 0.99}}, WATCH, RANK)
    assert all(p.finding == "not enough rows" for p in report.parts)
    assert "not enough rows" in report.reason("7") or "served nothing" in report.reason("7")


def test_a_release_without_recorded_figures_is_shown_and_not_judged() -> None:
    assert outcomes.measure(shown(), {}, WATCH, RANK).parts[0].finding == "nothing promised"


def test_releases_and_rungs_are_told_apart() -> None:
    frame = pd.concat(
        [shown(release="7"), shown(release="8", skill=0.0), shown(release="8", served_by="popular", seed=4)]
    )
    frame.loc[frame["served_by"] == "popular", "score"] = np.nan
    report = outcomes.measure(frame, {"7": {"ndcg_at_10": 0.85}, "8": {"ndcg_at_10": 0.85}}, WATCH, RANK)
    found = {(p.release, p.served_by): (p.rows, p.finding) for p in report.parts}
    assert found[("7", "all")] == (6_000, "as promised")
    assert found[("8", "all")] == (6_000, "merit drop")  # rows that no model scored do not count
    assert found[("8", "popular")][0] == 6_000  # ranked by their place
    assert report.facts()["rows 8"] == 6_000


def test_ndcg_is_the_hand_computed_one() -> None:
    frame = pd.DataFrame(
        {
            "unit": "a",
            "label": [0, 1, 1],
            "gain": [0, 1, 3],
            "score": [0.9, 0.5, 0.1],
            "release": "7",
            "served_by": "model",
        }
    )
    got = outcomes.measure(frame, {}, WATCH, RANK).parts[0].merit
    by_hand = (1 / np.log2(3) + 3 / np.log2(4)) / (3 / np.log2(2) + 1 / np.log2(3))
    assert got == pytest.approx(by_hand)


def test_a_frame_without_labels_is_refused() -> None:
    with pytest.raises(DefinitionError, match="`label` is not defined"):
        outcomes.measure(shown().drop(columns="label"), {}, WATCH, RANK)


def test_the_standard_error_is_how_much_a_mean_varies_where_clusters_are_drawn_again() -> None:
    """Ten pages of a user that go well or badly together are one piece of evidence."""
    rng = np.random.default_rng(0)
    clusters = np.repeat(np.arange(50), 10)
    samples = [np.repeat(rng.normal(size=50), 10) + rng.normal(0, 0.1, 500) for _ in range(1_000)]
    errors = [clustered_error(values, clusters) for values in samples]
    assert np.mean(errors) == pytest.approx(np.std([values.mean() for values in samples]), rel=0.05)
    assert np.isnan(clustered_error(np.array([1.0, np.nan]), np.array([0, 1])))


def test_what_acting_is_worth_is_watched_at_the_releases_own_point() -> None:
    """A release that acts from 0.5 promised 2 a case; live its frauds are below that."""
    rng = np.random.default_rng(1)
    fraud = rng.random(4_000) < 0.1
    cases = pd.DataFrame({"unit": np.arange(4_000), "cluster": np.arange(4_000) % 700, "label": fraud * 1.0})
    cases = cases.assign(amount=50.0, release="3", served_by="full", score=np.where(fraud, 0.4, 0.1))
    objective = Classify(Costs(friction=1.0), amount="amount")
    asleep = outcomes.measure(cases, {"3": {"net_benefit": 2.0}}, WATCH, objective, {"3": 0.5}).of("3")
    awake = outcomes.measure(cases, {"3": {"net_benefit": 2.0}}, WATCH, objective, {"3": 0.3}).of("3")
    assert asleep is not None
    assert awake is not None
    assert (asleep.finding, asleep.merit) == ("merit drop", 0.0)
    assert (awake.finding, awake.merit) == ("as promised", pytest.approx(50 * fraud.mean()))


def cases(**more: object) -> pd.DataFrame:
    """Payments that a good release scored: every tenth is theft, and it acts on each."""
    rng = np.random.default_rng(2)
    fraud = rng.random(4_000) < 0.1
    rows = pd.DataFrame({"unit": np.arange(4_000), "cluster": np.arange(4_000) % 700, "label": fraud * 1.0})
    score = np.where(fraud, 0.8, 0.1)
    return rows.assign(amount=50.0, release="3", served_by="full", score=score, **more)


OF_CASES = Classify(Costs(friction=1.0), amount="amount", counted="card")


@pytest.mark.parametrize("objective", [OF_CASES, Regress(base="route", sequence="trip")])
def test_roles_that_are_words_are_measured_live(objective: Objective) -> None:
    words = [f"c{i % 700}" for i in range(4_000)]
    rows = cases(counted=words, sequence=words, base=0.5)
    assert outcomes.measure(rows, {}, WATCH, objective, {"3": 0.5}).parts[0].rows == 4_000


def test_live_rows_weigh_what_judge_rows_weigh() -> None:
    """Of nine honest payments in ten only every tenth is labelled, by lot: unweighted, theft is half of all."""
    every = cases()
    lot = every[(every["label"] > 0) | (every.index % 10 == 0)]
    lot = lot.assign(weight=np.where(lot["label"] > 0, 1.0, 10.0))
    few = Watch(critical=(), min_outcome_rows=100)
    found, truth, bare = (
        outcomes.measure(rows, {"3": {"net_benefit": 5.0}}, few, OF_CASES, {"3": 0.5}).of("3")
        for rows in (lot, every, lot.drop(columns="weight"))
    )
    assert found and truth and bare  # noqa: PT018  none of them is missing
    assert found.merit == pytest.approx(truth.merit, rel=0.05)
    assert bare.merit > 3 * truth.merit


@pytest.mark.parametrize(("hidden", "finding"), [(0.0, "as promised"), (0.02, "as promised"), (0.8, "censored")])
def test_what_was_blocked_and_is_unknown_is_no_drop(hidden: float, finding: str) -> None:
    """Nobody disputes a payment that was stopped: what it saved is not seen, and is not missing either."""
    rng, rows = np.random.default_rng(3), cases()
    acted = (rows["score"] > 0.5).to_numpy()
    known = ~(acted & (rng.random(4_000) < hidden))
    part = outcomes.measure(rows.assign(known=known), {"3": {"net_benefit": 4.9}}, WATCH, OF_CASES, {"3": 0.5})
    assert part.parts[0].finding == finding
    assert part.parts[0].rows == known.sum()
    assert ("nothing is concluded" in part.reason("3")) == (finding == "censored")


def test_a_promise_was_measured_too_and_its_own_chance_counts() -> None:
    """A lucky sample promised, and another of the same payments is not worse for it."""
    rng, rows = np.random.default_rng(5), cases()
    live = rows.assign(amount=rng.lognormal(2, 2, 4_000))
    part = outcomes.measure(live, {}, WATCH, OF_CASES, {"3": 0.5}).of("3")
    assert part is not None
    lucky = part.merit + 2 * part.error
    exact = {"net_benefit": lucky}
    ends = {"net_benefit_low": lucky - 2 * part.error, "net_benefit_high": lucky + 2 * part.error}
    promises = ({"3": exact}, {"3": exact | ends})
    found = [outcomes.measure(live, given, WATCH, OF_CASES, {"3": 0.5}).parts[0] for given in promises]
    assert [each.finding for each in found] == ["merit drop", "as promised"]


def test_rows_with_weights_of_which_none_is_known_are_too_few() -> None:
    rows = cases(weight=2.0, known=False)
    (whole, _) = outcomes.measure(rows, {"3": {"net_benefit": 4.9}}, WATCH, OF_CASES, {"3": 0.5}).parts
    assert (whole.rows, whole.finding) == (0, "not enough rows")
