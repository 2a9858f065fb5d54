"""The gates for a candidate that is itself a baseline: it is released when no other contender beats it."""

import math

import numpy as np

from infra.statistics import Interval
from validation.definition import BEST_COLUMN, GateLimits
from validation.gates.comparison import difference, few
from validation.gates.evidence import GateEvidence
from validation.verdict import GateFinding, closed

MORE = "more days, better features"
SLOW = "a baseline has nothing to make smaller: raise `max_latency_ms` of the system's limits, or use a faster machine"


def unbeaten(evidence: GateEvidence, limits: GateLimits) -> GateFinding:
    """Passes a baseline that no other contender clearly beats; refuses it where one does, or nothing was compared."""
    name, own_merits = evidence.candidate, evidence.merits.get(evidence.candidate)
    if own_merits is None or not np.isfinite(own_merits).any():
        return closed("baseline", f"`{name}` was not measured on the judge rows; score it on them")
    releases = (evidence.live_contender, evidence.best_contender)
    others = [other for other in evidence.merits if other not in (name, *releases)]
    if others and BEST_COLUMN not in (name, *others):
        return closed("baseline", f"`{name}` was not compared with `{BEST_COLUMN}`; score it on the judge rows")
    lifts_or_reasons = {other: difference(evidence, other, name, limits) for other in others}
    lifts = {other: lift for other, lift in lifts_or_reasons.items() if isinstance(lift, Interval)}
    unmeasured = [
        reason
        for other, reason in lifts_or_reasons.items()
        if isinstance(reason, str) and not few(evidence, other, name, limits)
    ]
    if unmeasured or not others:
        return closed(
            "baseline", unmeasured[0] if unmeasured else f"nothing was compared with `{name}`; score other contenders"
        )
    if not lifts:
        units = int(np.isfinite(own_merits).sum())
        too_few = f"too few units to show that anything beats it ({units:,}, and {limits.min_units:,} are asked)"
        return GateFinding(
            "baseline", True, None, limits.min_lift, f"{_released(name)}: {too_few}; for a model: more days"
        )
    best = max(lifts, key=lambda other: lifts[other].low)
    lift = lifts[best]
    comparison = f"{best} {lift} over {lift.groups:,} units"
    if lift.low > limits.min_lift:
        reason = f"{name} is clearly beaten ({comparison}): release {best} (`flywheel run train` chooses it)"
        return GateFinding("baseline", False, lift.low, limits.min_lift, reason)
    reason = f"{_released(name)}: it is not clearly beaten ({comparison}); for a model: {MORE}"
    return GateFinding("baseline", True, lift.low, limits.min_lift, reason)


def in_slices(evidence: GateEvidence, limits: GateLimits) -> GateFinding:
    """Passes: slices are compared with a baseline, and here a baseline is the candidate."""
    reason = f"{evidence.candidate} is a baseline: slices are compared with a baseline, so there is nothing to compare"
    return GateFinding("slice", True, None, -limits.slice_margin, reason)


def uncalibrated(evidence: GateEvidence, limits: GateLimits) -> GateFinding:
    """Passes, and says that a baseline's scores are an order; with the calibration error where one was measured."""
    error, name = evidence.calibration_error, evidence.candidate
    measured = evidence.probabilistic and error is not None and math.isfinite(error)
    result = f"{name} gives an order and no probabilities: there is nothing to calibrate"
    if measured:
        limit = f"limit {limits.max_calibration_error:g} for a model"
        result = f"{name}'s scores and seen shares differ by {error:.3f} on average ({limit})"
    follows = "its scores only rank; for probabilities a model is needed"
    return GateFinding(
        "calibration", True, error if measured else None, limits.max_calibration_error, f"{result}; {follows}"
    )


def _released(name: str) -> str:
    return f"{name} is released as the simplest that nothing beats"
