"""Trials of simulated releases on the simulator's users, fast: pages and chances are made once, only luck anew.

The service, its log and the tables in between are left out; what decides is monitoring's own code.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property

import numpy as np

from infra.statistics import Totals
from monitoring.systems.home_feed import CLICKS, CONCENTRATION, ERRORS, HIDES, HOME_FEED_TRIAL, LONG_VIEWS, LOWER_RUNGS
from monitoring.trial import ALL, STEPS, Contrast, Measure, TrialDecision, TrialFacts, TrialRules, decide_trial
from orchestration.sources.simulator import Scale, World
from serving.assignment import CHALLENGER, Shares, variant_of
from tests.prove.trial_visits import HOUR, Chances, Release, Visits, outcomes

BEFORE = 7  # days of the champion alone
SUMS = ("pages", "shown", "clicks", "long_views", "hides", "top", "lower", "failed")
RATIOS = {  # what stands above and below in each measure
    CLICKS.name: ("clicks", "shown"), LONG_VIEWS.name: ("long_views", "pages"), HIDES.name: ("hides", "shown"),
    CONCENTRATION.name: ("top", "shown"), LOWER_RUNGS.name: ("lower", "pages"), ERRORS.name: ("failed", "pages"),
}  # fmt: skip

Sums = dict[tuple[str, str], np.ndarray]
"""(users,) by measure and column: what is known of a step by now."""


@dataclass
class Course:
    """How a trial went: every decision that was no waiting, and the pages that the release answered.

    fixed  whether an interval made for one look at the end would have said "worse" at any of the looks
    """

    moves: list[tuple[float, int, TrialDecision]] = field(default_factory=list)
    answered: int = 0
    champion: bool = False
    fixed: bool = False

    @property
    def end(self) -> str:
        """`champion`, `abort`, `finish`, or `on trial` where the days were over before."""
        if self.champion:
            return "champion"
        last = self.moves[-1][2].does if self.moves else "hold"
        return last if last in {"abort", "finish"} else "on trial"


@dataclass(frozen=True)
class Trials:
    """Trials of one release against the champion, on the same visits."""

    before: Visits
    visits: Visits
    champion: Release
    challenger: Release
    rules: TrialRules = HOME_FEED_TRIAL

    @cached_property
    def sides(self) -> tuple[Chances, Chances, Chances]:
        """The champion's chances before the trial, and both releases' during it; equal releases have the same."""
        mine = self.visits.chances(self.champion, 2)
        other = mine if self.challenger == self.champion else self.visits.chances(self.challenger, 3)
        return self.before.chances(self.champion, 1), mine, other

    @property
    def lift(self) -> float:
        """By how much the challenger's expected long views differ from the champion's, as a part of these."""
        _, mine, other = self.sides
        return float(other.utility.sum() / mine.utility.sum() - 1)

    def run(self, seed: int, every: float = 1.0, start: float = 0.0) -> Course:
        """One trial, looked at every so many hours from an hour of the visits on."""
        draw, course = np.random.default_rng(seed), Course()
        before, mine, other = (outcomes(side, draw) for side in self.sides)
        users, who, hours = self.visits.world.scale.users, self.visits.pages.who, self.visits.hours
        earlier = {name: np.bincount(self.before.pages.who, before[name], users) for name in SUMS}
        bucket = _Assigned(self.visits.world, f"salt {seed}")
        step, since, looked, sums = 0, start, start, self._nothing()
        for now in np.arange(start + every, 24.0 * self.visits.days + every / 2, every):
            here = bucket.on_trial(STEPS[step])
            for name in ("now", *self._measures):
                lag = self._measures[name].known_after.total_seconds() / HOUR if name != "now" else 0.0
                rows = slice(*np.searchsorted(hours, (max(since, looked - lag), max(since, now - lag))))
                theirs = here[who[rows]]
                for column in RATIOS[name] if name != "now" else ("pages",):
                    happened = np.where(theirs, other[column][rows], mine[column][rows])
                    sums[name, column] += np.bincount(who[rows], happened, users)
                course.answered += int(theirs.sum()) if name == "now" else 0
            looked = now
            decision = decide_trial(self._facts(sums, earlier, here, step, (start, since)), self.rules, moment(now))
            goal = decision.goal
            course.fixed |= goal is not None and goal.difference.mean < -1.96 * goal.error
            if decision.does == "hold":
                continue
            course.moves.append((float(now - start), STEPS[step], decision))
            course.champion = decision.does == "advance" and STEPS[step] == STEPS[-1]
            if decision.does != "advance" or course.champion:
                return course
            step, since, sums = step + 1, now, self._nothing()
        return course

    def facts_after(self, hours: float, step: int, seed: int) -> TrialFacts:
        """The facts after so many hours at one step, all outcomes known."""
        draw = np.random.default_rng(seed)
        before, mine, other = (outcomes(side, draw) for side in self.sides)
        users, rows = self.visits.world.scale.users, slice(0, int(np.searchsorted(self.visits.hours, hours)))
        here, who = _Assigned(self.visits.world, f"salt {seed}").on_trial(STEPS[step]), self.visits.pages.who[rows]
        earlier = {name: np.bincount(self.before.pages.who, before[name], users) for name in SUMS}
        sums = {
            (name, column): np.bincount(who, np.where(here[who], other[column][rows], mine[column][rows]), users)
            for name, column in self._nothing()
        }
        return self._facts(sums, earlier, here, step, (0.0, 0.0))

    @cached_property
    def _measures(self) -> dict[str, Measure]:
        """The measures of the rules by name."""
        return {measure.name: measure for measure, _ in self.rules.measures}

    def _nothing(self) -> Sums:
        users = self.visits.world.scale.users
        columns = {(name, column) for name in self._measures for column in RATIOS[name]} | {("now", "pages")}
        return {column: np.zeros(users) for column in columns}

    def _facts(
        self, sums: Sums, earlier: dict[str, np.ndarray], here: np.ndarray, step: int, times: tuple[float, float]
    ) -> TrialFacts:
        came = sums["now", "pages"] > 0
        sides = came & here, came & ~here
        return TrialFacts(
            "challenger", STEPS[step], moment(times[0]), moment(times[1]),
            (int(sides[0].sum()), int(sides[1].sum())), tuple(self._contrasts(sums, earlier, sides)),
        )  # fmt: skip

    def _contrasts(
        self, sums: Sums, earlier: dict[str, np.ndarray], sides: tuple[np.ndarray, np.ndarray]
    ) -> Iterator[Contrast]:
        region = self.visits.world.platform.users.region
        for measure, by in dict.fromkeys(self.rules.measures):
            names = RATIOS[measure.name]
            columns = [*(sums[measure.name, name] for name in names), *(earlier[name] for name in names)]
            for part in range(self.visits.world.scale.regions) if by else [None]:
                inside = sides if part is None else [side & (region == part) for side in sides]
                trial, control = (Totals(*(column[side] for column in columns)) for side in inside)
                yield Contrast(measure.name, by, ALL if part is None else f"region {part}", trial, control)


@dataclass
class _Assigned:
    """Who gets the release on trial, as the service draws them."""

    world: World
    salt: str
    known: dict[int, np.ndarray] = field(default_factory=dict)

    def on_trial(self, share: int) -> np.ndarray:
        """(users,) whether each gets it."""
        if share not in self.known:
            shares = Shares(challenger=share / 100, salt=self.salt)
            ids = self.world.users.listed(np.arange(self.world.scale.users))
            self.known[share] = np.array([variant_of(shares, str(user)) == CHALLENGER for user in ids])
        return self.known[share]


def moment(hour: float) -> datetime:
    """So many hours after the beginning of the visits."""
    return datetime(2026, 5, 4, tzinfo=UTC) + timedelta(hours=hour)


def trials(
    scale: Scale, days: int, champion: Release, challenger: Release, rules: TrialRules = HOME_FEED_TRIAL
) -> Trials:
    """Trials on a world of that scale, in the days after a week of the champion alone."""
    world = World.make(replace(scale, days=BEFORE + days))
    return Trials(Visits(world, 0, BEFORE), Visits(world, BEFORE, days), champion, challenger, rules)
