"""The gate that asks whether a model is too good to be honest: against a perfect one and the live release."""

import numpy as np

from validation.definition import GateLimits
from validation.gates.comparison import difference
from validation.gates.evidence import GateEvidence
from validation.verdict import GateFinding, closed

GATE = "plausible"


def plausible_gate(evidence: GateEvidence, limits: GateLimits) -> GateFinding:
    """Refuses a model whose gain no honest model has: people's choices are noisy, and progress comes in small steps.

    Measured is the share of the way from the best baseline to a perfect contender that the model closes. A share does
    not depend on how hard the judge rows are, so that of the live release when it was judged can be held beside it.
    """
    best = _best_other(evidence, limits)
    if best is None:
        return closed(GATE, "no other contender was measured on the same units; score a baseline on the judge rows")
    most, why = _most(evidence, limits)
    lift = difference(evidence, evidence.candidate, best, limits)
    if isinstance(lift, str):
        few = np.isfinite(evidence.merits[best]).sum() < limits.min_units
        return GateFinding(GATE, True, None, most, f"too few units to tell: {lift}") if few else closed(GATE, lift)
    base, perfect = float(np.nanmean(evidence.merits[best])), evidence.perfect
    known = np.isfinite(evidence.merits[best])
    if perfect is None or perfect.shape != known.shape or not np.isfinite(perfect[known]).all():
        return closed(GATE, "nobody measured what a perfect contender would reach on the judge rows")
    left = max(float(np.mean(perfect[known])) - base, 1e-9)
    sentence = (
        f"{evidence.candidate} closes {lift.mean / left:.0%} of the way from {best} ({base:.3f}) to a perfect "
        f"{_ideal(evidence)}, at least {lift.low / left:.0%}"
    )
    if lift.low / left > most:
        reason = f"{sentence}; the limit is {most:.0%}, {why}: look for a column that knows the outcome"
        return GateFinding(GATE, False, lift.mean / left, most, reason)
    return GateFinding(GATE, True, lift.mean / left, most, f"{sentence} (limit {most:.0%})")


def _ideal(evidence: GateEvidence) -> str:
    return "order" if evidence.objective == "rank" else "decision"


def _most(evidence: GateEvidence, limits: GateLimits) -> tuple[float, str]:
    """How much of the way may be closed, with the reason: never more than the limit, nor a step over the live one."""
    live, most = evidence.live_measured.get(GATE), limits.max_share_of_perfect
    if live is None or live + limits.max_step >= most:
        return most, "since choices of people are too noisy for more"
    sentence = f"{limits.max_step:.0%} more than live release {evidence.live} when it was judged ({live:.0%})"
    return live + limits.max_step, sentence


def _best_other(evidence: GateEvidence, limits: GateLimits) -> str | None:
    """The best of the baselines that is not the candidate itself."""
    others = [n for n in limits.baselines if n != evidence.candidate and n in evidence.merits]
    measured = {n: float(np.nanmean(evidence.merits[n])) for n in others if np.isfinite(evidence.merits[n]).any()}
    return max(measured, key=lambda name: measured[name], default=None)
