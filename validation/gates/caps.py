"""The gate of caps: measures that may not be above, or below, a limit, whatever else is gained."""

import math

from validation.definition import Cap, GateLimits
from validation.gates.evidence import GateEvidence
from validation.verdict import GateFinding, closed

GATE = "caps"


def caps_gate(evidence: GateEvidence, limits: GateLimits) -> GateFinding:
    """Refuses a release with a measure beyond its cap; where no cap is named, or one has no measure, it refuses too.

    Held against a cap is the end of the measure's interval that is the worse one, unless the cap says otherwise.
    """
    if not limits.caps:
        return closed(GATE, f"no cap is named, and {evidence.objective} asks for one; name `caps` in the gate limits")
    findings = [_of_cap(cap, evidence) for cap in limits.caps]
    refused = [finding for finding in findings if not finding.passed]
    if refused:
        return refused[0]
    nearest = min(findings, key=lambda finding: abs((finding.limit or 0.0) - (finding.measured or 0.0)))
    return GateFinding(GATE, True, nearest.measured, nearest.limit, "; ".join(finding.reason for finding in findings))


def _of_cap(cap: Cap, evidence: GateEvidence) -> GateFinding:
    if cap.measure not in evidence.measures:
        known = ", ".join(sorted(evidence.measures)) or "none"
        return closed(GATE, f"`{cap.measure}` was not measured of {evidence.candidate}; there are {known}")
    value, low, high = evidence.measures[cap.measure]
    measured, limit = {"value": value, "low": low, "high": high}[cap.end], cap.limit
    if not math.isfinite(measured):
        return closed(GATE, f"`{cap.measure}` could not be measured on these rows; judge on more days")
    holds = measured <= limit if cap.at_most is not None else measured >= limit
    side = "at most" if cap.at_most is not None else "at least"
    end = {"value": "", "low": ", low end", "high": ", high end"}[cap.end]
    reason = f"{cap.measure} {measured:.4g}{end} ({side} {limit:g})"
    return GateFinding(GATE, holds, measured, limit, reason if holds else f"{reason}: {cap.mend}")
