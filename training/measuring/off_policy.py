"""The value of a policy that was not served, from decisions that another one took with known chances.

Three estimates of the mean reward, with w = (the policy's chance of what was done) / (its propensity):

- IPS: mean of w · reward (Horvitz and Thompson 1952). Right whatever the rewards are like; it varies most.
- SNIPS: Σ w · reward / Σ w (Swaminathan and Joachims 2015). Varies less; its small bias shrinks with the rows.
- doubly robust: mean of expected + w · (reward − predicted) (Dudík, Langford and Li 2011). A model of the reward takes
  the part that it can predict; right when either the propensities or the model are.

How many rows they rest on is (Σ w)² / Σ w² (Kish 1965), not the number of decisions.
"""

from dataclasses import dataclass

import numpy as np

from infra.arrays import AnyArray
from infra.statistics import Interval, drawn_by_poisson, interval, percentiles, weighted_ratio

MIN_EFFECTIVE = 100.0
"""Below so many effective rows nothing is estimated: an interval of so few draws is too narrow as often as not."""
DRAWS = 1_000


@dataclass(frozen=True, slots=True)
class Decisions:
    """Logged decisions, a row each, and what a policy to be valued would have done.

    reward      (rows,) what followed
    propensity  (rows,) the chance, above 0, with which what was done was done
    chance      (rows,) the chance with which the policy would have done the same
    predicted   (rows,) the reward that a model predicts of what was done; 0 everywhere without one
    expected    (rows,) the reward that it predicts of what the policy would do
    cluster     (rows,) whose rows are drawn together for an interval: a user's
    """

    reward: AnyArray
    propensity: AnyArray
    chance: AnyArray
    predicted: AnyArray
    expected: AnyArray
    cluster: AnyArray

    @property
    def weights(self) -> AnyArray:
        """(rows,) how often each row counts."""
        weights: AnyArray = self.chance / self.propensity
        return weights


@dataclass(frozen=True, slots=True)
class PolicyValue:
    """Mean reward by each estimate with its 95 % interval, and what they rest on; NaN where it is `refused`."""

    ips: Interval
    snips: Interval
    doubly_robust: Interval
    rows: int
    effective: float
    refused: str = ""


def effective_rows(weights: AnyArray) -> float:
    """(Σ w)² / Σ w²: how many equally weighted rows would vary as little; 0 without any weight."""
    squares = float(np.square(weights).sum())
    return float(weights.sum()) ** 2 / squares if squares else 0.0


def policy_value(decisions: Decisions, seed: int, draws: int = DRAWS, least: float = MIN_EFFECTIVE) -> PolicyValue:
    """The three estimates; refused where they would rest on fewer than `least` effective rows."""
    weights, reward, cluster = decisions.weights, decisions.reward, decisions.cluster
    rows, effective = len(reward), effective_rows(weights)
    if effective < least:
        nothing = Interval(float("nan"), float("nan"), float("nan"), rows)
        why = f"too few effective rows: {effective:,.0f} of {rows:,} decisions, {least:,.0f} are needed"
        return PolicyValue(nothing, nothing, nothing, rows, effective, why)
    robust = decisions.expected + weights * (reward - decisions.predicted)
    return PolicyValue(
        interval(weights * reward, seed, cluster, draws),
        _ratio(weights * reward, weights, cluster, seed, draws),
        interval(robust, seed, cluster, draws),
        rows,
        effective,
    )


def _ratio(above: AnyArray, below: AnyArray, cluster: AnyArray, seed: int, draws: int) -> Interval:
    """Σ above / Σ below with its interval, clusters drawn again and again."""
    codes = np.unique(cluster, return_inverse=True)[1]
    sums = [np.bincount(codes, weights=values) for values in (above, below)]
    drawn = weighted_ratio(drawn_by_poisson(len(sums[0]), draws, seed), *sums)
    return Interval(float(above.sum() / below.sum()), *percentiles(drawn, 0.025, 0.975), len(above))
