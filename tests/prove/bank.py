"""A seeded bank without tables: payments, two kinds of theft, what is decided about each, and what is heard of it.

Loud theft pays far above a card's level and is what the bank's rules look for. Quiet theft begins later: from a new
device, at night, below any limit of the rules. Some payments are reviewed because a holder calls, which no feature of
the model says.
"""

from dataclasses import dataclass, replace

import numpy as np

from infra.arrays import AnyArray, Bools, Float64s

DISPUTED, MEDIAN_DELAY, LATEST = 0.85, 6.0, 30.0  # share of thefts that are disputed at all, and days until then
FEATURES = ("amount against the card's level", "new device", "hour", "payments of the last hour", "amount")


@dataclass(frozen=True, slots=True)
class Bank:
    """The size of a world; times are in days.

    lot, lot_of_large  the chance that an allowed payment is reviewed by lot, and of one of more than 100
    right              how often reviewers are right about an honest payment, and about a theft
    """

    days: int = 40
    payments_a_day: int = 6_000
    theft: float = 0.01
    quiet_from: int = 20
    lot: float = 0.02
    lot_of_large: float | None = None
    right: tuple[float, float] = (1.0, 1.0)
    called: float = 0.05
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Payments:
    """Payments, a row each, aligned. `verdict_at` and `disputed_at` are infinite where nobody says anything."""

    at: Float64s
    features: Float64s
    theft: Bools
    reviewed: Bools
    by_lot: Bools
    chance: Float64s
    verdict: Bools
    verdict_at: Float64s
    disputed_at: Float64s

    def only(self, rows: AnyArray) -> "Payments":
        """Some of the rows."""
        return replace(self, **{name: getattr(self, name)[rows] for name in Payments.__slots__})

    def seen(self, now: float) -> Bools:
        """Whose label is known: a verdict was received, or the time for disputes is over."""
        return (self.verdict_at <= now) | self.closed(now)

    def closed(self, now: float) -> Bools:
        """Whose time for disputes is over."""
        return self.at + LATEST <= now

    def label(self, now: float) -> Bools:
        """What is known to be a theft: by the verdict where there is one, else by a dispute."""
        return np.where(self.verdict_at <= now, self.verdict, self.disputed_at <= now)

    def weight(self, now: float) -> Float64s:
        """For how many payments each of those stands whose label is known."""
        return np.where(self.by_lot & ~self.closed(now), 1 / self.chance, 1.0)


def payments(bank: Bank) -> Payments:
    """All payments of a bank, in order of time."""
    rng = np.random.default_rng(bank.seed)
    count = bank.days * bank.payments_a_day
    at = np.sort(rng.uniform(0, bank.days, count))
    theft = rng.random(count) < bank.theft
    quiet = theft & (at >= bank.quiet_from) & (rng.random(count) < 0.5)
    loud = theft & ~quiet
    against = np.exp(np.where(loud, rng.normal(1.4, 0.5, count), rng.normal(0, 0.6, count)))
    device = rng.random(count) < np.select([quiet, loud], [0.8, 0.5], 0.05)
    hour = np.where(quiet, rng.normal(3, 2, count), rng.normal(14, 5, count)) % 24
    lately = rng.poisson(np.where(theft, 1.5, 0.3))
    amount = against * np.exp(rng.normal(3.2, 0.7, count))
    reviewed = (against > 3.3) | (rng.random(count) < np.where(theft, bank.called, 0.0005))
    large = bank.lot if bank.lot_of_large is None else bank.lot_of_large
    chance = np.where(reviewed, 1.0, np.where(amount > 100, large, bank.lot))
    by_lot = ~reviewed & (rng.random(count) < chance)
    looked_at = reviewed | by_lot
    right = rng.random(count) < np.where(theft, bank.right[1], bank.right[0])
    hours = np.exp(rng.normal(1.2, 0.7, count))
    delay = np.minimum(MEDIAN_DELAY * np.exp(rng.normal(0, 0.8, count)), LATEST)
    complains = theft & ~reviewed & (rng.random(count) < DISPUTED)
    return Payments(
        at, np.column_stack([against, device, hour, lately, amount]), theft, reviewed, by_lot, chance,
        theft == right, np.where(looked_at, at + hours / 24, np.inf), np.where(complains, at + delay, np.inf),
    )  # fmt: skip
