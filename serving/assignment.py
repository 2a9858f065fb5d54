"""Who gets which answer: askers are drawn by a hash, so that each keeps what they got, in every process.

Two draws, independent of each other. The first one is always the same: it sets two constant shares apart, those who
get the lowest rung and those held back. The second one is made anew for each trial, by its salt, among the rest.
"""

from dataclasses import dataclass

from infra.marks import mark

CHAMPION, CHALLENGER, HOLDBACK, LOWEST = "champion", "challenger", "holdback", "lowest"
VARIANTS = (CHAMPION, CHALLENGER, HOLDBACK, LOWEST)
ALWAYS = "always"  # the salt of the draw that never changes
HASHES = 2.0**64


@dataclass(frozen=True, slots=True)
class Shares:
    """The shares of askers, from 0 to 1: `lowest` and `holdback` of all, `challenger` of those who are left."""

    lowest: float = 0.0
    holdback: float = 0.0
    challenger: float = 0.0
    salt: str = ""


def variant_of(shares: Shares, asker: str) -> str:
    """The variant of an asker (a user's id, or the key of a case). A larger share keeps everybody it had."""
    if shares.lowest or shares.holdback:
        draw = mark(f"{ALWAYS}:{asker}") / HASHES
        if draw < shares.lowest:
            return LOWEST
        if draw < shares.lowest + shares.holdback:
            return HOLDBACK
    if shares.challenger and mark(f"{shares.salt}:{asker}") / HASHES < shares.challenger:
        return CHALLENGER
    return CHAMPION
