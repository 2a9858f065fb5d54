"""Two contenders on the same groups: the interval of their difference, or in words why there is none."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infra.arrays import Reals
from infra.statistics import Interval, interval
from validation.definition import GateLimits
from validation.gates.evidence import GateEvidence

SEED = 20_260_501  # a constant, so that the same evidence always gets the same verdict


def difference(evidence: GateEvidence, one: str, other: str, limits: GateLimits) -> Interval | str:
    """The interval of `one` minus `other`, or the sentence about why it cannot be told."""
    mine, theirs = evidence.ndcg.get(one), evidence.ndcg.get(other)
    if mine is None or theirs is None or not aligned(mine, theirs):
        return f"`{one}` and `{other}` were not both measured on the same groups; score both on the judge rows"
    lift = paired(mine, theirs, evidence.clusters, limits)
    groups = int(np.isfinite(mine).sum())
    if lift is None or groups < limits.min_groups:
        return (
            f"`{one}` and `{other}` were not both measured on {limits.min_groups:,} groups or more, only on "
            f"{groups:,}; ingest more days, or let a model learn from more of them (FLYWHEEL_HISTORY_DAYS)"
        )
    return lift


def few(evidence: GateEvidence, one: str, other: str, limits: GateLimits) -> bool:
    """Whether both were measured on the same groups, and these are too few to tell them apart."""
    mine, theirs = evidence.ndcg.get(one), evidence.ndcg.get(other)
    both = mine is not None and theirs is not None and aligned(mine, theirs)
    return both and isinstance(difference(evidence, one, other, limits), str)


def paired(mine: Reals, theirs: Reals, clusters: NDArray[Any] | None, limits: GateLimits) -> Interval | None:
    """The interval of the mean difference, None where it has none."""
    if not aligned(mine, theirs) or (clusters is not None and clusters.shape != mine.shape):
        return None
    lift = interval(mine - theirs, SEED, clusters, limits.draws, limits.confidence)
    return lift if math.isfinite(lift.low) else None


def aligned(mine: Reals, theirs: Reals) -> bool:
    """Whether two were measured on the same groups: what only one of them was measured on would be unfair."""
    return mine.shape == theirs.shape and not bool((np.isfinite(mine) != np.isfinite(theirs)).any())
