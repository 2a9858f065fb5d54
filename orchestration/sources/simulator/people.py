"""Users: who they are, how much they come, what they like and how that drifts."""

from dataclasses import dataclass, replace

import numpy as np

from infra.arrays import Bools, Float64s, Int64s
from orchestration.sources.kit import generator, uniform
from orchestration.sources.simulator.categories import INTERESTS
from orchestration.sources.simulator.scale import DAY, Scale, Shift

LANGUAGES = ("en", "es", "de", "fr", "pt", "hi")
GROUPS = np.cumsum([0.03, 0.03, 0.04, 0.05])  # shares of users of no known age, under 13, 13 to 15 and 16 to 17
UNKNOWN_AGE = -1
PHONE, TABLET, TV, DESKTOP = 0, 1, 2, 3  # places in validation.systems.home_feed.DEVICES


@dataclass(frozen=True, slots=True)
class Users:
    """All users; every array has one entry, or one row, a user. Times are seconds since the epoch.

    device, later, later_at   the device used most, and the one used most from `later_at` on
    evening                   the second device, taken up in the evening
    activity                  relative number of sessions; a few users make most of them
    heavy                     0 to 1: place of the user's activity among all users'
    before, after             (users, interests) the two tastes a user drifts between
    period, phase             how long the way there and back takes, and where on it the user began
    length                    log of the favourite length in seconds, on a phone by day
    age                       the age group, as a place in AGES of the tables; UNKNOWN_AGE where nobody knows it
    left_at                   when the account is deleted; infinity for nearly all
    turned, turn_at           whose interests turn into others, and when
    """

    signup_at: Float64s
    region: Int64s
    language: Int64s
    device: Int64s
    later: Int64s
    later_at: Float64s
    evening: Int64s
    activity: Float64s
    heavy: Float64s
    before: Float64s
    after: Float64s
    period: Float64s
    phase: Float64s
    length: Float64s
    age: Int64s
    left_at: Float64s
    turned: Bools
    turn_at: float = np.inf

    def taste(self, who: Int64s, at: Float64s) -> Float64s:
        """(rows, interests) shares of interest at each moment: a slow swing between two tastes, or a sudden turn."""
        swing = 0.5 - 0.5 * np.cos(2 * np.pi * (at / self.period[who] + self.phase[who]))
        taste = self.before[who] + swing[:, None] * (self.after[who] - self.before[who])
        gone = self.turned[who] & (at >= self.turn_at)
        if gone.any():
            taste[gone] = np.roll(taste[gone], INTERESTS // 2 - 1, axis=1)
        return taste

    def may_see(self, who: Int64s) -> Int64s:
        """The highest age rating each user may be shown: for an unknown age, that of the youngest."""
        return np.maximum(self.age[who], 0)

    def usual_device(self, who: Int64s, at: Float64s) -> Int64s:
        """The device each user uses most, as of each moment."""
        return np.where(at >= self.later_at[who], self.later[who], self.device[who])


def make_users(scale: Scale) -> Users:
    """All users of a world; a tenth of them sign up while it runs."""
    n, draw = scale.users, generator(scale.seed, "users")
    region = draw.integers(0, scale.regions, n)
    foreign = draw.random(n) < 0.15
    spoken = min(len(LANGUAGES), scale.regions)
    activity = np.minimum(draw.lognormal(0.0, 1.25, n), 40.0)
    device = draw.choice(4, n, p=(0.60, 0.08, 0.14, 0.18))
    new = draw.random(n) < 0.10
    changes = ~new & (draw.random(n) < 0.04)  # a change before the first description must not happen
    leaves = ~new & ~changes & (uniform(scale.seed, "leaves", np.arange(n)) < 0.01)
    span = scale.days * DAY
    return Users(
        signup_at=np.round(
            scale.begin + np.where(new, draw.random(n) * span, -DAY * (2 + 700 * draw.random(n) ** 2)), 3
        ),
        region=region,
        language=np.where(foreign, draw.integers(0, len(LANGUAGES), n), region % spoken),
        device=device,
        later=np.where(changes, draw.choice(4, n), device),
        later_at=np.where(changes, np.round(scale.begin + span * draw.uniform(0.2, 0.9, n), 3), float("inf")),
        evening=draw.choice(4, n, p=(0.30, 0.20, 0.40, 0.10)),
        activity=activity,
        heavy=np.argsort(np.argsort(activity)) / n,
        before=draw.dirichlet(np.full(INTERESTS, 0.22), n),
        after=draw.dirichlet(np.full(INTERESTS, 0.22), n),
        period=draw.uniform(25, 80, n) * DAY,
        phase=draw.random(n),
        length=draw.normal(np.log(22), 0.35, n),
        age=np.searchsorted(GROUPS, uniform(scale.seed, "age", np.arange(n)), side="right") - 1,
        left_at=np.where(leaves, np.round(scale.begin + span * draw.uniform(0.2, 0.9, n), 3), float("inf")),
        turned=np.zeros(n, dtype=bool),
    )


def shifted(users: Users, shift: Shift, seed: int) -> Users:
    """The same users, a share of whom will turn to other interests."""
    turned = uniform(seed, "turned", np.arange(len(users.region))) < shift.tastes
    return replace(users, turned=turned, turn_at=shift.at)
