"""A seeded city of card holders and terminals, and the honest payments between them.

The shapes are the field's: amounts are lognormal around each holder's own level, holders pay where they live, mostly
by day, at a few terminals each (Dal Pozzolo et al. 2014; Le Borgne et al. 2022, Fraud Detection Handbook).
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from infra.arrays import Bools, Float64s, Int64s
from orchestration.sources.kit import DAY, generator

CHIP, CONTACTLESS, ONLINE = 0, 1, 2
HONEST = 0
NEW_DEVICE, SECOND_DEVICE = 0.1, 5_000_000
"""Share of honest payments online from a device that is new to the bank, and the number of the first such device."""


@dataclass(frozen=True, slots=True)
class City:
    """The size of a world.

    `begins` are the days on which the three patterns start, `adapts` when they change. After `days` of history come
    `ahead` more; from the second of them on, card testing comes as a `wave`: so many payments for each honest one.
    """

    cards: int = 500
    terminals: int = 120
    zones: int = 12
    days: int = 130
    ahead: int = 3
    payments_a_day: float = 1.2
    begins: tuple[int, int, int] = (3, 8, 14)
    adapts: tuple[int, int, int] = (12, 18, 94)
    wave: float = 0.5
    seed: int = 11
    start: datetime = datetime(2026, 3, 2, tzinfo=UTC)

    @property
    def end(self) -> datetime:
        """The moment after the history."""
        return self.start + timedelta(days=self.days)

    @property
    def every_day(self) -> int:
        """The days of the history and those after it."""
        return self.days + self.ahead

    @property
    def wave_from(self) -> float:
        """The day on which the wave begins; none without days after the history."""
        return self.days + 1.0 if self.ahead > 1 else float("inf")


@dataclass(frozen=True, slots=True)
class Holders:
    """Card holders, a row each: where they live, how much and how often they pay, and how often online."""

    zone: Int64s
    level: Float64s
    rate: Float64s
    online: Float64s

    @classmethod
    def of(cls, city: City) -> "Holders":
        """The holders of a city."""
        rng = generator(city.seed, "holders")
        return cls(
            zone=rng.integers(0, city.zones, city.cards),
            level=np.exp(rng.normal(3.2, 0.7, city.cards)),
            rate=rng.gamma(2.0, city.payments_a_day / 2, city.cards),
            online=rng.beta(1.2, 4.0, city.cards),
        )


@dataclass(frozen=True, slots=True)
class Payments:
    """Payments, a row each, aligned; `at` in seconds since the start, `pattern` 0 where they are honest.

    `device` is the holder's own where 0, else the number of a thief's; −1 where none was used.
    """

    at: Float64s
    card: Int64s
    terminal: Int64s
    amount: Float64s
    channel: Int64s
    device: Int64s
    pattern: Int64s

    @property
    def fraud(self) -> Bools:
        """Which payments the holder did not make."""
        return np.asarray(self.pattern != HONEST)

    def only(self, rows: Bools | Int64s) -> "Payments":
        """Some of the rows, in the order of the places or of the mask."""
        return Payments(*(getattr(self, name)[rows] for name in Payments.__slots__))

    def __add__(self, more: "Payments") -> "Payments":
        parts = ([getattr(self, name), getattr(more, name)] for name in Payments.__slots__)
        return Payments(*map(np.concatenate, parts))

    def in_order(self) -> "Payments":
        """The same rows by time."""
        return self.only(np.argsort(self.at, kind="stable"))


def terminal_zones(city: City) -> Int64s:
    """(terminals,) the zone of each."""
    return np.arange(city.terminals) % city.zones


def replaced(card: Int64s, at: Float64s) -> Int64s:
    """How often a holder's device has been replaced, or its browser has forgotten the bank: every 30 to 150 days."""
    every = 30.0 + card * 37 % 121
    return np.asarray((at / DAY + card * 53 % every) // every, dtype=np.int64)


def honest(city: City, holders: Holders) -> Payments:
    """What the holders pay themselves."""
    rng = generator(city.seed, "honest")
    counts = rng.poisson(holders.rate * city.every_day)
    card = np.repeat(np.arange(city.cards), counts)
    day = rng.integers(0, city.every_day, len(card))
    hour = np.clip(rng.normal(14.0, 4.0, len(card)), 0, 23.99)
    online = rng.random(len(card)) < holders.online[card]
    away = rng.random(len(card)) < 0.08
    zone = np.where(away, rng.integers(0, city.zones, len(card)), holders.zone[card])
    nth = rng.geometric(0.25, len(card)) - 1  # a few terminals of the zone are everyone's usual ones
    per_zone = city.terminals // city.zones
    channel = np.where(online, ONLINE, np.where(rng.random(len(card)) < 0.6, CONTACTLESS, CHIP))
    amount = holders.level[card] * np.exp(rng.normal(0, 0.6, len(card)))
    return Payments(
        at=day * DAY + hour * 3600,
        card=card,
        terminal=((nth + card * 7) % per_zone) * city.zones + zone,
        amount=np.round(amount, 2),
        channel=channel,
        device=np.where(online, np.where(rng.random(len(card)) < NEW_DEVICE, SECOND_DEVICE + card, 0), -1),
        pattern=np.full(len(card), HONEST),
    )
