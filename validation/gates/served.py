"""The gate that asks for served requests: a column without the value that serving gives it is refused by name."""

import numpy as np

from validation.definition import GateLimits
from validation.gates.evidence import GateEvidence
from validation.gates.leak_evidence import ServedSample
from validation.verdict import GateFinding, closed

SHOWN = 5  # columns that a reason names; the rest are counted
RELATIVE, ABSOLUTE = 1e-5, 1e-6  # of a value that a service logged at its own clock, to the microsecond


def served_gate(evidence: GateEvidence, limits: GateLimits) -> GateFinding:
    """Refuses a model that learned from a column which serving does not make, or makes otherwise."""
    sample = evidence.served
    if sample is None:
        return closed("served", "nobody made the features of some requests as serving does; hand over a replay")
    if len(sample.trained) < limits.min_served_rows:
        few = f"only {len(sample.trained):,} rows were made again as serving makes them"
        return closed("served", f"{few}, and {limits.min_served_rows:,} are asked; train on more shown rows")
    return (
        _unlogged(sample)
        or _unequal(sample, evidence.merit)
        or _unlike_the_log(evidence.logged, limits)
        or _equal(evidence, sample)
    )


def _unlogged(sample: ServedSample) -> GateFinding | None:
    if not sample.unlogged:
        return None
    reason = (
        f"{sample.unlogged:,} rows of the training set are not in the log of what was shown (other key, time, user or "
        "item); only what was shown can be learned from: build the training set again"
    )
    return GateFinding("served", False, sample.unlogged, 0, reason)


def _unequal(sample: ServedSample, merit: str) -> GateFinding | None:
    if sample.absent:
        reason = f"{_named(sample.absent)}: training has it, serving does not make it{_worth(sample, merit)}"
        return GateFinding("served", False, len(sample.absent), 0, f"{reason}; define it as a feature, or drop it")
    # To the last bit: a model can split between two values that differ in the last digit alone.
    differs = (sample.trained != sample.served) & ~(np.isnan(sample.trained) & np.isnan(sample.served))
    shares = differs.mean(axis=0)
    wrong = [sample.names[i] for i in np.argsort(-shares, kind="stable") if shares[i] > 0]
    if not wrong:
        return None
    column = sample.names.index(wrong[0])
    row = int(np.flatnonzero(differs[:, column])[0])
    example = f"`{wrong[0]}` in {shares[column]:.1%} of {len(differs):,} rows, such as "
    example += f"{sample.trained[row, column]:.6g} in training and {sample.served[row, column]:.6g} served"
    reason = f"{_named(wrong)}: training has other values than serving makes ({example}){_worth(sample, merit)}"
    return GateFinding("served", False, len(wrong), 0, f"{reason}; compute it in one place for both, or drop it")


def _unlike_the_log(logged: ServedSample | None, limits: GateLimits) -> GateFinding | None:
    """What was really served against the same code on the states that were online then: a little may differ."""
    if logged is None or not len(logged.trained):
        return None
    shares = np.isclose(logged.trained, logged.served, RELATIVE, ABSOLUTE, equal_nan=True).mean(axis=0)
    wrong = [logged.names[i] for i in np.argsort(shares, kind="stable") if shares[i] < limits.min_served_equal]
    if not wrong:
        return None
    least = float(shares.min())
    reason = (
        f"{_named(wrong)}: other values were served than training makes of the same states (equal in {least:.2%} of "
        f"{len(logged.trained):,} logged rows, {limits.min_served_equal:.1%} is asked); see the check `skew`"
    )
    return GateFinding("served", False, least, limits.min_served_equal, reason)


def _equal(evidence: GateEvidence, sample: ServedSample) -> GateFinding:
    reason = f"all {len(sample.names)} columns are equal in {len(sample.trained):,} rows {sample.origin}"
    logged = evidence.logged
    if logged is None or not len(logged.trained):
        reason += "; no request of these rows was really served with logged features"
    else:
        reason += f"; and in {len(logged.trained):,} rows as they were really served"
    return GateFinding("served", True, 0, 0, reason)


def _named(columns: tuple[str, ...] | list[str]) -> str:
    rest = len(columns) - SHOWN
    return ", ".join(f"`{name}`" for name in columns[:SHOWN]) + (f" and {rest} more" if rest > 0 else "")


def _worth(sample: ServedSample, merit: str) -> str:
    if sample.scored is None:
        return ""
    trained, served = sample.scored
    return f"; the model's {merit} is {trained:.3f} with what training has and {served:.3f} with what is served"
