"""Two contenders on the same units: the interval of their difference, or a sentence about why there is none."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infra.arrays import Reals
from infra.statistics import Interval, interval
from validation.definition import GateLimits
from validation.gates.evidence import GateEvidence

SEED = 20_260_501  # a constant, so that the same evidence always gets the same verdict


def difference(evidence: GateEvidence, first: str, second: str, limits: GateLimits) -> Interval | str:
    """The interval of `first` minus `second`, or a sentence about why there is none."""
    first_merits, second_merits = evidence.merits.get(first), evidence.merits.get(second)
    if first_merits is None or second_merits is None or not aligned(first_merits, second_merits):
        return f"`{first}` and `{second}` were not both measured on the same units; score both on the judge rows"
    lift = paired(first_merits, second_merits, evidence.clusters, limits)
    units = int(np.isfinite(first_merits).sum())
    if lift is None or units < limits.min_units:
        return (
            f"`{first}` and `{second}` were not both measured on {limits.min_units:,} units or more, only on "
            f"{units:,}; ingest more days, or let a model learn from more of them (FLYWHEEL_HISTORY_DAYS)"
        )
    return lift


def few(evidence: GateEvidence, first: str, second: str, limits: GateLimits) -> bool:
    """Whether both were measured on the same units, and these are too few to tell them apart."""
    first_merits, second_merits = evidence.merits.get(first), evidence.merits.get(second)
    both = first_merits is not None and second_merits is not None and aligned(first_merits, second_merits)
    return both and isinstance(difference(evidence, first, second, limits), str)


def paired(first: Reals, second: Reals, clusters: NDArray[Any] | None, limits: GateLimits) -> Interval | None:
    """The interval of the mean difference, None where it has none."""
    if not aligned(first, second) or (clusters is not None and clusters.shape != first.shape):
        return None
    lift = interval(first - second, SEED, clusters, limits.draws, limits.confidence)
    return lift if math.isfinite(lift.low) else None


def aligned(first: Reals, second: Reals) -> bool:
    """Whether both were measured on the same units: on others the comparison would not be fair."""
    return first.shape == second.shape and not bool((np.isfinite(first) != np.isfinite(second)).any())
