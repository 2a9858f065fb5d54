"""The gate that asks whether rows to judge on stand among the rows that are learned from, under whatever ids."""

from math import exp, lgamma, log

from validation.definition import GateLimits
from validation.gates.evidence import GateEvidence
from validation.verdict import GateFinding, closed

GATE = "repeats"
LEAST = 50  # rows, of which a tenth would be noticed


def repeats_gate(evidence: GateEvidence, limits: GateLimits) -> GateFinding:
    """Refuses judge rows that have more near twins among earlier rows than the rows before them have."""
    repeats = evidence.repeats
    if repeats is None or repeats.judged < LEAST or repeats.before < LEAST:
        asked = f"{LEAST} or more judge rows and as many tune rows"
        return closed(GATE, f"to look for rows that stand twice, {asked} are needed; train on more rows")
    usual = (repeats.twins_before + 1) / (repeats.before + 1)
    chance = at_least(repeats.twins, repeats.judged, usual)
    sentence = (
        f"{repeats.twins:,} of {repeats.judged:,} judge rows have a near twin among the rows learned from, and "
        f"{repeats.twins_before:,} of {repeats.before:,} tune rows among the rows before them"
    )
    if chance < limits.max_chance:
        reason = f"{sentence} (probability {chance:.1g} by chance): judge rows were copied into what is learned from"
        return GateFinding(GATE, False, chance, limits.max_chance, f"{reason}; build the training set again")
    return GateFinding(GATE, True, chance, limits.max_chance, sentence)


def at_least(count: int, trials: int, share: float) -> float:
    """The probability of so many hits or more in so many independent trials, of which a `share` above 0 are hits."""
    if count <= trials * share:
        return 1.0
    ways = (lgamma(trials + 1) - lgamma(hits + 1) - lgamma(trials - hits + 1) for hits in range(count, trials + 1))
    hits = range(count, trials + 1)
    return float(sum(exp(w + h * log(share) + (trials - h) * log(1 - share)) for w, h in zip(ways, hits, strict=True)))
