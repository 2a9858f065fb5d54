"""The exposure gate: whether a part of the items or users gets clearly less of the places than it is worth to users."""

import math

from validation.definition import GateLimits
from validation.gates.evidence import GateEvidence
from validation.verdict import GateFinding, closed


def exposure_gate(evidence: GateEvidence, limits: GateLimits) -> GateFinding:
    """Refuses an order in which a part large enough gets clearly less exposure than the limit, where one is set.

    Exposure in proportion to worth: Singh and Joachims, Fairness of Exposure in Rankings (2018).
    """
    limit = limits.min_exposure
    parts = [p for p in evidence.exposures if p.groups >= limits.min_slice_units and math.isfinite(p.ratio)]
    if limit is None or not parts:
        return closed("exposure", f"no part has {limits.min_slice_units} groups; name parts in the task's `exposure`")
    short = [part for part in parts if part.high < limit]
    part = min(short or parts, key=lambda part: part.ratio)
    gets = (
        f"`{part.name}` gets {part.ratio:.2f} [{part.low:.2f}, {part.high:.2f}] times the exposure that it is worth: "
        f"{part.exposure:.1%} of it, with {part.outcome:.1%} of the outcomes and {part.eligible:.1%} of the rows"
    )
    if short:
        mend = "look at its features, or give it places by a step of the policy"
        return GateFinding("exposure", False, part.ratio, limit, f"{gets}; {mend}")
    return GateFinding("exposure", True, part.ratio, limit, f"{len(parts)} parts; the least: {gets}")
