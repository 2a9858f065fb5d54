"""The perturbation gate: what was received after a row was shown must not change what was learned from it."""

from collections.abc import Mapping

from validation.definition import GateLimits
from validation.gates.evidence import GateEvidence
from validation.gates.perturbed_sample import PerturbationEvidence
from validation.verdict import GateFinding, closed

GATE = "perturbation"
MOVED = 0.5  # of the rows shown after the cut, at least so many have to change, or nothing was tried
NAMED = 3
OTHERWISE_BUILT = (
    "publish the features again (`flywheel run features`) and train; if it stays so, the feature set does not make it"
)


def perturbation_gate(evidence: GateEvidence, limits: GateLimits) -> GateFinding:
    """Refuses features that know what was received later, or that cannot be built again; closed without the proof."""
    return perturbation_finding(evidence.perturbation, limits)


def perturbation_finding(proof: PerturbationEvidence | None, limits: GateLimits) -> GateFinding:
    """What is said of one proof."""
    least = limits.min_perturbed
    if proof is None or proof.before < least:
        tried = 0 if proof is None else proof.before
        return closed(GATE, f"{tried} rows were built again, {least} are needed; train with `flywheel run train`")
    sample = f"of {proof.before} rows shown until {proof.cut:%Y-%m-%d %H:%M:%S} UTC"
    if proof.knows_later:
        reason = f"{_named(proof.knows_later)} {sample} changed with what was received later"
        return _refused(proof.knows_later, f"{reason}; build it from what was known when a row was shown, or drop it")
    if proof.not_rebuilt:
        reason = f"{_named(proof.not_rebuilt)} {sample} cannot be built again as it was trained on"
        return _refused(proof.not_rebuilt, f"{reason}; {OTHERWISE_BUILT}")
    if proof.moved < MOVED * proof.after or not proof.after:
        reason = f"only {proof.moved} of {proof.after} rows shown after the cut changed: the proof would see no leak"
        return GateFinding(GATE, False, proof.moved, MOVED * proof.after, f"{reason}; look at how it rebuilds")
    reason = f"none {sample} changed with what was received later, and {proof.moved} of {proof.after} after it did"
    return GateFinding(GATE, True, 0, 0, reason)


def _refused(features: Mapping[str, int], reason: str) -> GateFinding:
    return GateFinding(GATE, False, max(features.values()), 0, reason)


def _named(features: Mapping[str, int]) -> str:
    """The features with the most rows, each with how many."""
    most = sorted(features, key=lambda name: (-features[name], name))
    named = ", ".join(f"`{name}` in {features[name]}" for name in most[:NAMED])
    return f"{named} (and {len(most) - NAMED} more features)" if len(most) > NAMED else named
