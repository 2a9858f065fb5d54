"""Two contenders on the same groups: the interval of their difference, or a sentence about why there is none."""

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
    first_ndcg, second_ndcg = evidence.ndcg.get(first), evidence.ndcg.get(second)
    if first_ndcg is None or second_ndcg is None or not aligned(first_ndcg, second_ndcg):
        return f"`{first}` and `{second}` were not both measured on the same groups; score both on the judge rows"
    lift = paired(first_ndcg, second_ndcg, evidence.clusters, limits)
    groups = int(np.isfinite(first_ndcg).sum())
    if lift is None or groups < limits.min_groups:
        return (
            f"`{first}` and `{second}` were not both measured on {limits.min_groups:,} groups or more, only on "
            f"{groups:,}; ingest more days, or let a model learn from more of them (FLYWHEEL_HISTORY_DAYS)"
        )
    return lift


def few(evidence: GateEvidence, first: str, second: str, limits: GateLimits) -> bool:
    """Whether both were measured on the same groups, and these are too few to tell them apart."""
    first_ndcg, second_ndcg = evidence.ndcg.get(first), evidence.ndcg.get(second)
    both = first_ndcg is not None and second_ndcg is not None and aligned(first_ndcg, second_ndcg)
    return both and isinstance(difference(evidence, first, second, limits), str)


def paired(first: Reals, second: Reals, clusters: NDArray[Any] | None, limits: GateLimits) -> Interval | None:
    """The interval of the mean difference, None where it has none."""
    if not aligned(first, second) or (clusters is not None and clusters.shape != first.shape):
        return None
    lift = interval(first - second, SEED, clusters, limits.draws, limits.confidence)
    return lift if math.isfinite(lift.low) else None


def aligned(first: Reals, second: Reals) -> bool:
    """Whether both were measured on the same groups: on others the comparison would not be fair."""
    return first.shape == second.shape and not bool((np.isfinite(first) != np.isfinite(second)).any())
