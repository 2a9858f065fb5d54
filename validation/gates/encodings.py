"""The gate that asks whether a column was computed from the very labels that the model is judged on."""

from validation.definition import GateLimits
from validation.gates.evidence import GateEvidence
from validation.gates.leak_evidence import KeyNoise
from validation.verdict import GateFinding, closed

GATE = "encoding"


def encoding_gate(evidence: GateEvidence, limits: GateLimits) -> GateFinding:
    """Refuses a column that tells the mean label of keys more closely than the noise of labels allows.

    What is known before the judge rows can tell the chance of an outcome, never how the coins fall: of keys with the
    same chance, the shares that happen differ by what coin flips differ. A column whose keys differ by less has seen
    the outcomes.
    """
    if evidence.encodings is None:
        return closed(GATE, "nobody measured the columns against the labels of each key; hand over rows with keys")
    if not evidence.encodings:
        return GateFinding(
            GATE, True, None, None, "too few keys have several judge rows: no column can have learned them"
        )
    lowest = min(evidence.encodings, key=lambda noise: _above(noise, limits))
    sentence = (
        f"`{lowest.column}` at the first judge row of each `{lowest.key}` tells its later mean label ({lowest.keys:,} "
        f"keys) to within {lowest.dispersion:.2f} ± {lowest.error:.2f} of the variance of coin flips"
    )
    if _above(lowest, limits) < 0:
        reason = f"{sentence}; beforehand {lowest.floor:.2f} is the least: it was computed from these labels"
        return GateFinding(GATE, False, lowest.dispersion, lowest.floor, f"{reason}; fit it on earlier rows only")
    return GateFinding(GATE, True, lowest.dispersion, lowest.floor, f"{sentence} (at least {lowest.floor:.2f})")


def _above(noise: KeyNoise, limits: GateLimits) -> float:
    """By how much the dispersion, with the benefit of the doubt, lies above what can be known beforehand."""
    return noise.dispersion + limits.sure_errors * noise.error - noise.floor
