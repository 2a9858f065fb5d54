"""The gate that asks whether it tells the label which columns are unknown together."""

from collections.abc import Iterator
from itertools import combinations

import numpy as np

from infra.arrays import Bools, Int64s
from infra.statistics import auc
from validation.definition import GateLimits
from validation.gates.evidence import GateEvidence
from validation.verdict import GateFinding, closed

GATE = "nulls"
PATTERN = 16  # columns of one pattern: more would make every row a pattern of its own
PAIRED = 48  # columns that are looked at in pairs


def nulls_gate(evidence: GateEvidence, limits: GateLimits) -> GateFinding:
    """Refuses a training set in which the columns that are unknown together tell the label; one alone has its gate."""
    values, label, names = evidence.values, evidence.label, evidence.features
    if values is None or label is None or len(label) < limits.min_rows or values.shape != (len(label), len(names)):
        asked = f"{limits.min_rows:,} or more rows of label and of {len(names)} features"
        return closed(GATE, f"to look at which columns are unknown together, {asked} are needed; hand them over")
    positive = np.asarray(label) > 0
    if not 0 < positive.sum() < len(positive):
        return closed(GATE, "the label has one class only; look at how it is defined")
    unknown, owners = _distinct(~np.isfinite(values))
    most, reason = 0.5, "no columns are unknown together in a way that tells the label"
    for places in _looked_at(unknown):
        area = label_auc_of_patterns(positive, unknown[:, places])
        if area > most:
            together = _named([names[owners[place]] for place in places])
            most, reason = area, f"which of {together} are unknown together tells the label with AUC {area:.3f}"
    if most > limits.max_null_auc:
        reason += f" (limit {limits.max_null_auc:g}): they are filled in only after the outcome"
        return GateFinding(GATE, False, most, limits.max_null_auc, f"{reason}; drop them, or fill them for every row")
    return GateFinding(GATE, True, most, limits.max_null_auc, reason)


def label_auc_of_patterns(positive: Bools, unknown: Bools) -> float:
    """How well the pattern of unknown columns tells the label: learned on every second row, judged on the others."""
    code = unknown @ (1 << np.arange(unknown.shape[1]))
    pattern = np.unique(code, return_inverse=True)[1]
    learn = np.arange(len(positive)) % 2 == 0
    counts = np.bincount(pattern[learn], minlength=pattern.max() + 1)
    positives = np.bincount(pattern[learn], weights=positive[learn], minlength=len(counts))
    means = (positives + positive.mean()) / (counts + 1)
    return float(np.nan_to_num(auc(positive[~learn], means[pattern[~learn]]), nan=0.5))


def _distinct(unknown: Bools) -> tuple[Bools, Int64s]:
    """The different columns of nulls and the first owner of each, those nearest to half unknown first."""
    shares = unknown.mean(axis=0)
    some = np.flatnonzero((shares > 0) & (shares < 1))
    _, first = np.unique(np.packbits(unknown[:, some], axis=0), axis=1, return_index=True)
    owners = some[np.sort(first)]
    owners = owners[np.argsort(np.abs(shares[owners] - 0.5), kind="stable")]
    return unknown[:, owners], owners.astype(np.int64)


def _looked_at(unknown: Bools) -> Iterator[list[int]]:
    """The sets of columns that are looked at together: all at once, and all pairs."""
    columns = unknown.shape[1]
    if columns > 1:
        yield list(range(min(columns, PATTERN)))
    yield from (list(pair) for pair in combinations(range(min(columns, PAIRED)), 2))


def _named(names: list[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:4])
    return shown + (f" and {len(names) - 4} more" if len(names) > 4 else "")
