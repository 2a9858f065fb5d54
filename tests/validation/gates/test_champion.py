"""The champion gate: small losses never add up, equal releases pass, and what cannot be seen is called undecided."""

from dataclasses import replace

import numpy as np
import pytest

from tests.prove.comparisons import JudgeRows, against_live_only, chain, refused_among_equals
from validation.definition import GateLimits
from validation.gates.champion import champion_gate, stands_best
from validation.gates.evidence import GateEvidence

LIMITS = GateLimits(baselines=("popularity",), draws=200)
MANY = JudgeRows(groups=2_500, spread=0.05, users=1_200)
GROUPS = 1_000
NOISE = np.random.default_rng(5).normal(size=(3, GROUPS))


def evidence(live: float, best: float | None = None, noise: float = 0.02) -> GateEvidence:
    """A candidate of quality 0.7 beside a live release 5, and a best one, release 2, of these qualities."""
    ndcg = {"xgboost": 0.7 + noise * NOISE[0], "live": live + noise * NOISE[1]}
    if best is not None:
        ndcg["best"] = best + noise * NOISE[2]
    return GateEvidence(features=(), candidate="xgboost", merits=ndcg, live="5", best="2" if best else None)


def test_thirty_releases_each_a_little_worse_do_not_add_up() -> None:
    step = 0.002
    before = chain(30, -step, MANY, seed=1, judge=against_live_only)
    now = [chain(30, -step, MANY, seed)[-1] for seed in range(4)]
    assert before[-1] < -0.03, "against the live release alone most of them pass"
    assert np.mean(now) >= -LIMITS.champion_margin
    assert min(now) >= -LIMITS.champion_margin - step


def test_releases_that_are_a_little_better_go_live_and_add_up() -> None:
    assert chain(12, 0.003, MANY, seed=2)[-1] >= 0.03


@pytest.mark.parametrize("groups", [300, 1_000, 2_500])
def test_equal_releases_are_refused_in_at_most_one_of_ten_runs(groups: int) -> None:
    rows = JudgeRows(groups, spread=0.05, users=groups // 2)
    assert refused_among_equals(60, rows, seed=3) <= 0.10


def test_a_release_worse_than_the_best_that_was_live_is_refused_though_the_live_one_is_as_bad() -> None:
    finding = champion_gate(evidence(live=0.7, best=0.712), LIMITS)
    assert not finding.passed
    assert "against release 2, the best that was live: -0.01" in finding.reason
    assert "keep the live release" in finding.reason
    assert champion_gate(evidence(live=0.7), LIMITS).passed


def test_what_the_rows_cannot_show_is_called_undecided_with_the_smallest_loss_they_can() -> None:
    finding = champion_gate(evidence(live=0.7, noise=0.06), LIMITS)
    assert (finding.passed, finding.undecided) == (True, True)
    assert finding.row()[1] == "undecided"
    assert finding.limit is not None
    assert -LIMITS.max_undecided < finding.limit < -LIMITS.champion_margin
    assert f"undecided: no loss of {-finding.limit:.4f} or more is seen" in finding.reason


def test_nothing_goes_live_undecided_where_only_large_losses_would_be_seen() -> None:
    finding = champion_gate(evidence(live=0.7, noise=0.3), LIMITS)
    assert not finding.passed
    assert "undecided: losses of 0.02 have to be seen, and only those of 0.0" in finding.reason
    assert "judge on more days" in finding.reason


def test_a_decided_finding_says_what_would_have_been_seen() -> None:
    finding = champion_gate(evidence(live=0.69), LIMITS)
    assert (finding.passed, finding.undecided) == (True, False)
    assert "a loss of 0.00" in finding.reason
    assert "or more would be seen" in finding.reason


def test_the_best_changes_only_where_a_release_is_clearly_better() -> None:
    assert stands_best(evidence(live=0.7, best=0.7), LIMITS) == "2"
    assert stands_best(evidence(live=0.7, best=0.66), LIMITS) == ""
    assert stands_best(evidence(live=0.7), LIMITS) == "5"
    assert stands_best(evidence(live=0.66), LIMITS) == ""
    assert stands_best(replace(evidence(live=0.7), live=None), LIMITS) == ""


def test_where_the_best_can_no_longer_be_scored_the_live_one_stands_in_and_it_is_said() -> None:
    gone = replace(evidence(live=0.69), best="2")
    finding = champion_gate(gone, LIMITS)
    assert finding.passed
    assert "release 2, the best that was live, can no longer be scored: 5 stands in for it" in finding.reason
    assert stands_best(gone, LIMITS) == ""
    assert stands_best(replace(gone, merits=evidence(live=0.7).merits), LIMITS) == "5"
