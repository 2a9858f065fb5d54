"""The slice gate: whether a ranker leaves some users or items behind, among as many slices as are looked at."""

from infra.statistics import together
from validation.definition import GateLimits
from validation.gates import baselines
from validation.gates.comparison import paired
from validation.gates.evidence import GateEvidence
from validation.verdict import GateFinding, closed


def slice_gate(evidence: GateEvidence, limits: GateLimits) -> GateFinding:
    """Refuses a ranker clearly, and by more than the margin, worse than the baseline in a slice large enough.

    The more slices are looked at, the more of them look worse by chance: the intervals are those that hold for all
    slices together.
    """
    if evidence.candidate in limits.must_beat:
        return baselines.in_slices(evidence, limits)
    limit, lifts, small = -limits.slice_margin, {}, []
    for part in evidence.slices:
        lift = paired(part.candidate, part.baseline, evidence.clusters, limits)
        if lift is None or lift.groups < limits.min_slice_units:
            small.append(part.name)
        else:
            lifts[part.name] = lift
    if not lifts:
        return closed("slice", f"no slice has {limits.min_slice_units} units measured twice; judge on more days")
    lifts = {name: together(lift, limits.confidence, len(lifts)) for name, lift in lifts.items()}
    worse = {name: lift for name, lift in lifts.items() if lift.mean < limit and lift.high < 0}
    name, lift = min((worse or lifts).items(), key=lambda item: item[1].mean)
    if worse:
        reason = f"`{name}` is worse off than with the baseline: {lift} over {lift.groups:,} units"
        reason += f", an interval that holds for all {len(lifts)} slices together" if len(lifts) > 1 else ""
        return GateFinding("slice", False, lift.mean, limit, f"{reason}; look at its features, or give it the baseline")
    rest = f"; too small to judge: {', '.join(small)}" if small else ""
    return GateFinding("slice", True, lift.mean, limit, f"{len(lifts)} slices judged, lowest `{name}` {lift}{rest}")
