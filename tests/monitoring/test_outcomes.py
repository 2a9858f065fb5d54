"""Outcomes: what was shown and how it went, beside what was promised."""

import numpy as np
import pandas as pd
import pytest

from infra.errors import DefinitionError
from infra.statistics.roc import auc
from monitoring import outcomes
from monitoring.definition import Watch

WATCH = Watch(critical=(), min_outcome_rows=2_000)


def shown(
    requests: int = 600, skill: float = 1.5, release: str = "7", served_by: str = "model", seed: int = 0
) -> pd.DataFrame:
    """Feed answers of ten places; `skill` is how well the score tells the label."""
    rng = np.random.default_rng(seed)
    label = (rng.random(requests * 10) < 0.3).astype(np.int8)
    score = skill * label + rng.normal(size=len(label))
    made = pd.DataFrame(
        {"group": np.repeat([f"{release}-{i}" for i in range(requests)], 10), "label": label, "score": score}
    )
    made["position"] = made.groupby("group")["score"].rank(ascending=False).astype(int)
    return made.assign(release=release, served_by=served_by)


def promised(frame: pd.DataFrame) -> float:
    return auc(frame["label"].to_numpy(), frame["score"].to_numpy())


def test_a_release_that_does_as_promised_is_left_alone() -> None:
    judge, live = shown(seed=1), shown(seed=2)
    report = outcomes.measure(live, {"7": {"auc": promised(judge), "ndcg_at_10": 0.9}}, WATCH, 10)
    part = report.of("7")
    assert part is not None
    assert part.finding == "as promised"
    assert part.auc == pytest.approx(promised(live))
    assert (part.rows, part.groups, part.promised_ndcg) == (6_000, 600, 0.9)


def test_a_release_that_lost_its_skill_is_an_auc_drop() -> None:
    report = outcomes.measure(shown(skill=1.2, seed=2), {"7": {"auc": promised(shown(seed=1))}}, WATCH, 10)
    part = report.of("7")
    assert part is not None
    assert part.finding == "auc drop"
    assert part.drop > 0.02
    assert "| 7 | all |" in report.markdown()


def test_a_drop_that_chance_makes_is_none() -> None:
    """At 2,000 rows an AUC's standard error is above 0.01: 0.021 below the promise proves nothing."""
    live = shown(requests=200, skill=0.3, seed=3)
    report = outcomes.measure(live, {"7": {"auc": promised(live) + 0.021}}, WATCH, 10)
    assert report.parts[0].auc_error > 0.0129
    assert report.parts[0].finding == "as promised"


@pytest.mark.parametrize(
    "frame", [shown(requests=20), shown().assign(label=1), shown()[:0]], ids=["few", "one class", "none"]
)
def test_a_window_that_cannot_tell_says_so(frame: pd.DataFrame) -> None:
    report = outcomes.measure(frame, {"7": {"auc": 0.99}}, WATCH, 10)
    assert all(p.finding == "not enough rows" for p in report.parts)
    assert "not enough rows" in report.reason("7") or "served nothing" in report.reason("7")


def test_a_release_without_recorded_figures_is_shown_and_not_judged() -> None:
    assert outcomes.measure(shown(), {}, WATCH, 10).parts[0].finding == "nothing promised"


def test_releases_and_rungs_are_told_apart() -> None:
    frame = pd.concat(
        [shown(release="7"), shown(release="8", skill=0.0), shown(release="8", served_by="popular", seed=4)]
    )
    frame.loc[frame["served_by"] == "popular", "score"] = np.nan
    report = outcomes.measure(frame, {"7": {"auc": 0.85}, "8": {"auc": 0.85}}, WATCH, 10)
    found = {(p.release, p.served_by): (p.rows, p.finding) for p in report.parts}
    assert found[("7", "all")] == (6_000, "as promised")
    assert found[("8", "all")] == (6_000, "auc drop")  # rows that no model scored do not count
    assert found[("8", "popular")][0] == 6_000  # ranked by their place
    assert report.facts()["rows 8"] == 6_000


def test_ndcg_is_the_hand_computed_one() -> None:
    frame = pd.DataFrame(
        {
            "group": "a",
            "label": [0, 1, 1],
            "grade": [0, 1, 3],
            "score": [0.9, 0.5, 0.1],
            "release": "7",
            "served_by": "model",
        }
    )
    got = outcomes.measure(frame, {}, WATCH, 10).parts[0].ndcg
    by_hand = (1 / np.log2(3) + 3 / np.log2(4)) / (3 / np.log2(2) + 1 / np.log2(3))
    assert got == pytest.approx(by_hand)


def test_a_frame_without_labels_is_refused() -> None:
    with pytest.raises(DefinitionError, match="`label` is not defined"):
        outcomes.measure(shown().drop(columns="label"), {}, WATCH, 10)


def test_the_standard_error_is_how_much_an_auc_varies_from_sample_to_sample() -> None:
    """Exponential scores, for which the formula was derived."""
    rng = np.random.default_rng(0)
    label = np.repeat([1, 0], [60, 90])
    drawn = [auc(label, rng.exponential(np.where(label > 0, 4.0, 1.0))) for _ in range(2_000)]
    assert outcomes.auc_error(float(np.mean(drawn)), 60, 90) == pytest.approx(np.std(drawn), rel=0.05)
