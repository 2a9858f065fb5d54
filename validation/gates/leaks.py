"""The leakage gate: features that know the future, or tell the label too well to be honest."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infra.arrays import Reals
from infra.statistics import label_auc_of_column, label_auc_of_nulls
from validation.definition import GateLimits
from validation.gates.evidence import GateEvidence
from validation.verdict import GateFinding, closed


def leakage_gate(evidence: GateEvidence, limits: GateLimits) -> GateFinding:
    """Refuses a feature received after its impression, one that tells the label alone, or one whose nulls tell it."""
    names, values, label = evidence.features, evidence.values, evidence.label
    if values is None or label is None or len(label) < limits.min_rows or values.shape != (len(label), len(names)):
        asked = f"{limits.min_rows:,} or more rows of label and of {len(names)} features"
        return closed("leakage", f"to look for leaks, {asked} are needed; hand over the training set")
    if not 0 < (np.asarray(label) > 0).sum() < len(label):
        return closed("leakage", "the label has one class only, so no leak can be seen; look at how it is defined")
    return _late(evidence) or _told(names, values, label, limits)


def _late(evidence: GateEvidence) -> GateFinding | None:
    known = {line.feature: line for line in evidence.lineage}
    for name in evidence.features:
        line = known.get(name)
        if line is None or math.isnan(line.known_after_s):
            return closed("leakage", f"nobody says when `{name}` was known; give its lineage (source, received time)")
        if line.known_after_s > 0:
            late = (
                f"`{name}` was received after the impression ({line.source}, up to {line.known_after_s:,.0f} s later)"
            )
            return GateFinding("leakage", False, line.known_after_s, 0.0, f"{late}; join it point in time or drop it")
    return None


def _told(names: Sequence[str], values: Reals, label: NDArray[Any], limits: GateLimits) -> GateFinding:
    strongest, most = "", 0.5
    for i, name in enumerate(names):
        nulls, alone = label_auc_of_nulls(label, values[:, i]), label_auc_of_column(label, values[:, i])
        if nulls > limits.max_null_auc:
            told = f"`{name}` being null or not tells the label (AUC {nulls:.3f}, limit {limits.max_null_auc:g})"
            reason = f"{told}; it is filled in only after the outcome: drop it, or fill it for every row"
            return GateFinding("leakage", False, nulls, limits.max_null_auc, reason)
        if alone > limits.max_feature_auc:
            told = f"`{name}` alone tells the label (AUC {alone:.3f}, limit {limits.max_feature_auc:g})"
            reason = f"{told}; no honest feature does: look at how it is computed, or drop it"
            return GateFinding("leakage", False, alone, limits.max_feature_auc, reason)
        strongest, most = (name, alone) if alone > most else (strongest, most)
    reason = f"all {len(names)} features were known by the impression; the strongest alone is `{strongest}`"
    return GateFinding("leakage", True, most, limits.max_feature_auc, reason)
