"""What the gates say of a baseline that is to be released itself: the simplest that nothing beats."""

import math

import numpy as np

from infra.statistics import Interval
from validation.definition import GateLimits
from validation.gates.comparison import difference, few
from validation.gates.evidence import GateEvidence
from validation.verdict import GateFinding, closed

MORE = "more days, better features"
SLOW = "a baseline has nothing to make smaller: raise `max_latency_ms` of the system's limits, or use a faster machine"


def unbeaten(evidence: GateEvidence, limits: GateLimits) -> GateFinding:
    """Passes a baseline that no other contender clearly beats; refuses it where one does, or nothing was compared."""
    name, own = evidence.candidate, evidence.ndcg.get(evidence.candidate)
    if own is None or not np.isfinite(own).any():
        return closed("baseline", f"`{name}` was not measured on the judge rows; score it on them")
    others = [other for other in evidence.ndcg if other not in (name, evidence.live_contender)]
    found = {other: difference(evidence, other, name, limits) for other in others}
    lifts = {other: lift for other, lift in found.items() if isinstance(lift, Interval)}
    unknown = [
        told for other, told in found.items() if isinstance(told, str) and not few(evidence, other, name, limits)
    ]
    if unknown or not others:
        return closed(
            "baseline", unknown[0] if unknown else f"nothing was compared with `{name}`; score other contenders"
        )
    if not lifts:
        groups = int(np.isfinite(own).sum())
        told = f"too few groups to show that anything beats it ({groups:,}, and {limits.min_groups:,} are asked)"
        return GateFinding(
            "baseline", True, None, limits.min_lift, f"{_released(name)}: {told}; for a model: more days"
        )
    best = max(lifts, key=lambda other: lifts[other].low)
    lift = lifts[best]
    told = f"{best} {lift} over {lift.groups:,} groups"
    if lift.low > limits.min_lift:
        reason = f"{name} is clearly beaten ({told}): release {best} (`flywheel run train` chooses it)"
        return GateFinding("baseline", False, lift.low, limits.min_lift, reason)
    reason = f"{_released(name)}: it is not clearly beaten ({told}); for a model: {MORE}"
    return GateFinding("baseline", True, lift.low, limits.min_lift, reason)


def in_slices(evidence: GateEvidence, limits: GateLimits) -> GateFinding:
    """No slice loses by a model where none is released."""
    told = f"{evidence.candidate} is a baseline: slices are held against what needs no model, so none can lose by one"
    return GateFinding("slice", True, None, -limits.slice_margin, told)


def uncalibrated(evidence: GateEvidence, limits: GateLimits) -> GateFinding:
    """A baseline gives an order. That is said, and what follows; what it measured is told where it did."""
    error, name = evidence.calibration_error, evidence.candidate
    known = evidence.probabilistic and error is not None and math.isfinite(error)
    told = f"{name} gives an order and no probabilities: there is nothing to calibrate"
    if known:
        limit = f"limit {limits.max_calibration_error:g} for a model"
        told = f"{name}'s scores and seen shares differ by {error:.3f} on average ({limit})"
    follows = "its scores rank and are no chances; what needs chances waits for a model"
    return GateFinding(
        "calibration", True, error if known else None, limits.max_calibration_error, f"{told}; {follows}"
    )


def _released(name: str) -> str:
    return f"{name} is released as the simplest that nothing beats"
