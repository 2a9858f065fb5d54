"""How fresh states are online: how often what was published is brought there, and how long that takes."""

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from infra.arrays import Int64s

MICROS = 1_000_000
NEAR_S, NEAR_SHARE = 10.0, 0.02
"""Two rhythms are the same that differ by no more than this, or than this share of the time between two beats."""


class Freshness(msgspec.Struct, frozen=True):
    """Every `every_s` seconds all that was published until then comes online, `after_s` seconds later.

    One holds for all views: materialisation and stream bring all of them online together. `phase_s` seconds after a
    multiple of `every_s` since the epoch lies the moment up to which publications are taken. With 0 everywhere a state
    is online as soon as it is published. `basis` says in words where the numbers come from.
    """

    every_s: float = 0.0
    after_s: float = 0.0
    phase_s: float = 0.0
    basis: str = "each state as soon as it is published"

    def reached(self, at: "Int64s") -> "Int64s":
        """Up to which publications were online at each moment; both in microseconds since the epoch."""
        every, after, phase = (round(value * MICROS) for value in (self.every_s, self.after_s, self.phase_s))
        return at - after if not every else (at - after - phase) // every * every + phase

    def near(self, other: "Freshness") -> bool:
        """Whether the other one is the same rhythm, measured another time."""
        within = max(NEAR_S, NEAR_SHARE * self.every_s)
        apart = abs(self.phase_s - other.phase_s)
        phase = min(apart, abs(self.every_s - apart))
        return max(abs(self.every_s - other.every_s), abs(self.after_s - other.after_s), phase) <= within

    @property
    def longest_s(self) -> float:
        """How long a publication waits at most until it is online."""
        return self.every_s + self.after_s

    def __str__(self) -> str:
        if not self.longest_s:
            return self.basis
        return f"published states come online every {_span(self.every_s)}, {_span(self.after_s)} later; {self.basis}"


AS_PUBLISHED = Freshness()


def _span(seconds: float) -> str:
    """A length of time in the largest unit that it fills."""
    for unit, name in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= unit:
            return f"{seconds / unit:.3g} {name}"
    return f"{seconds:.3g} s"
