"""What is decided about each payment, and what is heard of it afterwards: step-ups given up, verdicts, disputes.

Until a model decides, rules do: what is far above the holder's level or comes from a device never seen is looked at.
Of what is allowed a share goes to review by lot, so that there are true labels that no decision has chosen.
"""

from dataclasses import dataclass

import numpy as np

from infra.arrays import Bools, Float64s, Int64s
from orchestration.sources.fraud.world import ONLINE, City, Holders, Payments
from orchestration.sources.kit import DAY, generator

ALLOW, STEP_UP, REVIEW, BLOCK = range(4)
BY_LOT = 0.01
GIVEN_UP = 0.08
"""Share of honest holders who give a payment up when they are asked for a second factor: friction has a cost."""
STOPS_THIEF = 0.8
REVIEWS_A_DAY = 60
FINDS_THEFT, KNOWS_GENUINE = 0.97, 0.999
"""How often a reviewer is right: about a theft; about an honest payment, whose holder is called before it is denied."""
DISPUTED, LATEST_DISPUTE = 0.85, 30 * DAY
HONEST_DISPUTES = 0.0004
"""Share of honest payments that are disputed as fraud all the same."""


@dataclass(frozen=True, slots=True)
class Decided:
    """Payments with their decision, aligned. `verdict_at` is NaN where nobody looked; `verdict`: it said fraud."""

    action: Int64s
    completed: Bools
    by_lot: Bools
    propensity: Float64s
    verdict_at: Float64s
    verdict: Bools


@dataclass(frozen=True, slots=True)
class Disputes:
    """Disputes: the payment's place, when, and the reason's place in validation.systems.fraud.REASONS."""

    payment: Int64s
    at: Float64s
    reason: Int64s


def decided_by_rules(city: City, holders: Holders, payments: Payments) -> Decided:
    """The decisions of a bank without a model, and what reviewers found."""
    rng = generator(city.seed, "decisions")
    count = len(payments.at)
    much = payments.amount / holders.level[payments.card]
    new_device = payments.device > 0
    action = np.select([much > 6, (payments.channel == ONLINE) & (much > 1.5) & new_device], [REVIEW, STEP_UP], ALLOW)
    action = _within_capacity(payments.at, action)
    by_lot = (action == ALLOW) & (rng.random(count) < BY_LOT)
    looked_at = (action == REVIEW) | by_lot
    verdict_at = np.where(looked_at, payments.at + 3600 * np.exp(rng.normal(1.2, 0.7, count)), np.nan)
    doubt = rng.random(count)
    verdict = looked_at & np.where(payments.fraud, doubt < FINDS_THEFT, doubt >= KNOWS_GENUINE)
    stepped = action == STEP_UP
    luck = rng.random(count)
    given_up = stepped & np.where(payments.fraud, luck < STOPS_THIEF, luck < GIVEN_UP)
    stopped = (action == REVIEW) & verdict  # what a lot chose has been allowed by the time someone looks
    propensity = np.where(by_lot, BY_LOT, np.where(action == ALLOW, 1 - BY_LOT, 1.0))
    return Decided(action, ~(given_up | stopped), by_lot, propensity, verdict_at, verdict)


def disputes(city: City, payments: Payments, decided: Decided) -> Disputes:
    """Complaints about completed payments. A theft is noticed on a bill: after six days (median) to thirty."""
    rng = generator(city.seed, "disputes")
    count = len(payments.at)
    delay = np.minimum(DAY * np.exp(rng.normal(np.log(6.0), 0.8, count)), LATEST_DISPUTE)
    luck = rng.random(count)
    as_fraud = luck < np.where(payments.fraud, DISPUTED, HONEST_DISPUTES)
    of_goods = ~as_fraud & ~payments.fraud & (luck > 1 - 2 * HONEST_DISPUTES)
    places = np.flatnonzero(decided.completed & (as_fraud | of_goods))
    reason = np.where(as_fraud[places], 0, rng.integers(1, 3, len(places)))
    return Disputes(places, payments.at[places] + delay[places], reason)


def _within_capacity(at: Float64s, action: Int64s) -> Int64s:
    """The same actions, where reviews beyond the day's capacity become step-ups: the first to come are looked at."""
    day = (at // DAY).astype(np.int64)
    asked = np.flatnonzero(action == REVIEW)
    order = asked[np.lexsort((at[asked], day[asked]))]
    _, starts = np.unique(day[order], return_index=True)
    place = np.arange(len(order)) - np.repeat(starts, np.diff(np.r_[starts, len(order)]))
    kept = action.copy()
    kept[order[place >= REVIEWS_A_DAY]] = STEP_UP
    return kept
