"""The platform's past: sessions in order of time, each shown what the policy picks, hour by hour."""

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np

from infra.arrays import Bools, Float64s, Int64s
from orchestration.sources.kit import uniform
from orchestration.sources.simulator.behaviour import Outcomes, Pages, act
from orchestration.sources.simulator.popular_mix import PopularMix
from orchestration.sources.simulator.scale import DAY, Scale
from orchestration.sources.simulator.sessions import Sessions, sessions_of
from orchestration.sources.simulator.truth import Platform

STEP = 3600.0  # the policy takes stock this often
TIRES = 1800.0  # half-life of being tired of a topic


@dataclass(frozen=True, slots=True)
class ShownPages:
    """Pages, what was done on them, whether they explored, and the propensity of each place."""

    pages: Pages
    outcomes: Outcomes
    explores: Bools
    propensity: Float64s


@dataclass(frozen=True, slots=True)
class Past:
    """What a policy may start from, one entry a long view or an impression: who, what, when."""

    shown: tuple[Int64s, Int64s]
    long_views: tuple[Int64s, Int64s, Float64s]


def shown_between(platform: Platform, scale: Scale, days: range, past: Past | None = None) -> Iterator[ShownPages]:
    """Pages of some days that follow each other, in blocks; join them to have them in order."""
    policy = PopularMix(platform, scale.feed, scale.impressions, scale.begin + days.start * DAY)
    if past is not None:
        policy.remember(*past.shown)
        policy.learn(*past.long_views)
    tired = Tiredness(platform)
    waiting = UnreportedLongViews()
    for day in days:
        sessions = sessions_of(scale, platform.users, day)
        for start in scale.begin + day * DAY + np.arange(0, DAY, STEP):
            policy.learn(*waiting.ended_by(start))
            policy.stock(start)
            for shown in _step(platform, scale, policy, tired, sessions.between(start, start + STEP)):
                waiting.add(shown)
                yield shown


class Tiredness:
    """How much of each topic every user was shown lately, fading with time."""

    def __init__(self, platform: Platform) -> None:
        self.topic = platform.videos.category
        self.counts = np.zeros((len(platform.users.region), len(platform.categories.names)))
        self.at = np.zeros(len(platform.users.region))

    def now(self, who: Int64s, at: Float64s) -> Float64s:
        """(pages, topics) counts as they stand at each moment."""
        faded: Float64s = self.counts[who] * np.exp2(-np.maximum(at - self.at[who], 0) / TIRES)[:, None]
        return faded

    def add(self, pages: Pages) -> None:
        """Count what was shown; a user is on one page at a time."""
        self.counts[pages.who] = pages.recent
        self.at[pages.who] = pages.at
        who = np.repeat(pages.who, pages.feed.shape[1])[pages.filled.ravel()]
        np.add.at(self.counts, (who, self.topic[pages.feed[pages.filled]]), 1.0)


class UnreportedLongViews:
    """Long views that the platform does not know yet: a watch is reported when it has ended."""

    def __init__(self) -> None:
        self.rows: list[tuple[Int64s, Int64s, Float64s, Float64s]] = []

    def add(self, shown: ShownPages) -> None:
        """Take note of the long views of some pages."""
        page, place = np.nonzero(shown.outcomes.long_view)
        pages = shown.pages
        self.rows.append(
            (pages.who[page], pages.feed[page, place], pages.at[page], shown.outcomes.ended_at[page, place])
        )

    def ended_by(self, at: float) -> tuple[Int64s, Int64s, Float64s]:
        """Return those that have ended by a moment, and remove them."""
        if not self.rows:
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0)
        who, what, when, ended = (np.concatenate(column) for column in zip(*self.rows, strict=True))
        over = ended <= at
        self.rows = [(who[~over], what[~over], when[~over], ended[~over])]
        return who[over], what[over], when[over]


def _step(
    platform: Platform, scale: Scale, policy: PopularMix, tired: Tiredness, sessions: Sessions
) -> Iterator[ShownPages]:
    """The pages of sessions that begin in one step: first pages first, a later page once the one before is read."""
    _, first_of_user = np.unique(
        sessions.who, return_index=True
    )  # who comes twice within the step stays on: pages are added up
    pages = np.zeros(len(first_of_user), dtype=np.int64)
    np.add.at(pages, np.searchsorted(sessions.who[first_of_user], sessions.who), sessions.pages)
    who, at, device = sessions.who[first_of_user], sessions.at[first_of_user], sessions.device[first_of_user]
    for number in range(int(pages.max(initial=0))):
        on = pages > number
        who, at, device, pages = who[on], at[on], device[on], pages[on]
        feed, explores, propensity = policy.feeds(who, at)
        shown = Pages(who, at, device, feed, np.full(len(who), number), tired.now(who, at))
        outcomes = act(platform, shown, scale.seed)
        tired.add(shown)
        policy.remember(np.repeat(who, feed.shape[1])[shown.filled.ravel()], feed[shown.filled])
        yield ShownPages(shown, outcomes, explores, propensity)
        pause = 1 + 8 * uniform(scale.seed, "pause", who, np.round(at * 1000))
        at = np.round(outcomes.ended_at[:, -1] + pause, 3)


def joined(blocks: list[ShownPages]) -> ShownPages:
    """Blocks of pages as one, in order of time."""
    at = np.concatenate([b.pages.at for b in blocks])
    order = np.argsort(at, kind="stable")

    def column(part: str, name: str) -> np.ndarray:
        return np.concatenate([getattr(getattr(b, part), name) for b in blocks])[order]

    return ShownPages(
        pages=Pages(**{f.name: column("pages", f.name) for f in fields(Pages)}),
        outcomes=Outcomes(**{f.name: column("outcomes", f.name) for f in fields(Outcomes)}),
        explores=np.concatenate([b.explores for b in blocks])[order],
        propensity=np.concatenate([b.propensity for b in blocks])[order],
    )
