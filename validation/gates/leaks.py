"""The leakage gate: features that were known after the impression, or that predict the label too well."""

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
    """Refuses a feature received after its impression, and one whose values, or nulls, alone tell the label."""
    names, values, label = evidence.features, evidence.values, evidence.label
    if values is None or label is None or len(label) < limits.min_rows or values.shape != (len(label), len(names)):
        needed = f"{limits.min_rows:,} or more rows of label and of {len(names)} features"
        return closed("leakage", f"to look for leaks, {needed} are needed; hand over the training set")
    if not 0 < (np.asarray(label) > 0).sum() < len(label):
        return closed("leakage", "the label has one class only, so no leak can be seen; look at how it is defined")
    return _late(evidence) or _telling(names, values, label, limits)


def _late(evidence: GateEvidence) -> GateFinding | None:
    lines = {line.feature: line for line in evidence.lineage}
    for name in evidence.features:
        line = lines.get(name)
        if line is None or math.isnan(line.known_after_s):
            return closed(
                "leakage", f"it is not known when `{name}` was known; give its lineage (source, received time)"
            )
        if line.known_after_s > 0:
            late = (
                f"`{name}` was received after the impression ({line.source}, up to {line.known_after_s:,.0f} s later)"
            )
            return GateFinding("leakage", False, line.known_after_s, 0.0, f"{late}; join it point in time or drop it")
    return None


def _telling(names: Sequence[str], values: Reals, label: NDArray[Any], limits: GateLimits) -> GateFinding:
    strongest, highest_auc = "", 0.5
    for i, name in enumerate(names):
        column = values[:, i]
        auc_of_nulls, auc_of_values = label_auc_of_nulls(label, column), label_auc_of_column(label, column)
        if auc_of_nulls > limits.max_null_auc:
            limit = f"limit {limits.max_null_auc:g}"
            leak = f"`{name}` being null or not tells the label (AUC {auc_of_nulls:.3f}, {limit})"
            reason = f"{leak}; it is filled in only after the outcome: drop it, or fill it for every row"
            return GateFinding("leakage", False, auc_of_nulls, limits.max_null_auc, reason)
        if auc_of_values > limits.max_feature_auc:
            leak = f"`{name}` alone tells the label (AUC {auc_of_values:.3f}, limit {limits.max_feature_auc:g})"
            reason = f"{leak}; a feature from before the impression does not: look at how it is computed, or drop it"
            return GateFinding("leakage", False, auc_of_values, limits.max_feature_auc, reason)
        strongest, highest_auc = (name, auc_of_values) if auc_of_values > highest_auc else (strongest, highest_auc)
    reason = f"all {len(names)} features were known by the impression; the strongest alone is `{strongest}`"
    return GateFinding("leakage", True, highest_auc, limits.max_feature_auc, reason)
