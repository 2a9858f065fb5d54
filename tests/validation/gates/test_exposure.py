"""The exposure gate: off unless a limit is set, then closed without evidence; it refuses where a part is kept back."""

from dataclasses import replace

from validation.definition import GateLimits
from validation.gates import GateEvidence, SliceExposure, exposure_gate
from validation.gates.release_gates import judge_evidence

NOTHING = GateEvidence(features=(), candidate="xgboost")
LIMITS = GateLimits(baselines=("popularity",))
LIMITED = replace(LIMITS, min_exposure=0.8)
LARGE = SliceExposure("size=large", 0.5, 0.6, 0.5, 1.2, 1.1, 1.3, 400)


def small(ratio: float, low: float, high: float, groups: int = 400) -> GateEvidence:
    return replace(NOTHING, exposures=(LARGE, SliceExposure("size=small", 0.5, 0.4, 0.5, ratio, low, high, groups)))


def test_a_part_that_is_clearly_kept_back_is_refused_with_its_shares_and_the_next_step() -> None:
    found = exposure_gate(small(0.6, 0.55, 0.66), LIMITED)
    assert not found.passed
    assert (found.measured, found.limit) == (0.6, 0.8)
    assert found.reason == (
        "`size=small` gets 0.60 [0.55, 0.66] times the exposure that it is worth: 40.0% of it, with 50.0% of the "
        "outcomes and 50.0% of the rows; look at its features, or give it places by a step of the policy"
    )


def test_what_is_not_clearly_below_the_limit_or_too_small_to_judge_passes() -> None:
    assert exposure_gate(small(0.75, 0.6, 0.9), LIMITED).passed
    assert exposure_gate(small(0.2, 0.1, 0.3, groups=9), LIMITED).passed


def test_the_gate_is_asked_only_where_a_limit_is_set_and_then_refuses_without_evidence() -> None:
    assert "exposure" not in {finding.gate for finding in judge_evidence(NOTHING, LIMITS).findings}
    closed = next(f for f in judge_evidence(NOTHING, LIMITED).findings if f.gate == "exposure")
    assert not closed.passed
    assert "name parts in the task's `exposure`" in closed.reason
