"""Trials decide rightly: simulated releases that are equal, worse, better, and worse in one region only."""

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from infra.statistics import smallest_effect_seen
from monitoring.trial import findings, goal_of
from orchestration.sources.simulator import Scale
from tests.prove.section import Proof, Section
from tests.prove.trial_payments import MORE_FRICTION, ONLINE_ONLY, PaymentTrials, Ways
from tests.prove.trial_visits import Release
from tests.prove.trial_world import BEFORE, Course, Trials, trials
from validation.verdict import markdown

EQUAL, WORSE, MUCH_WORSE, BETTER = Release(1.0), Release(2.0), Release(4.0), Release(0.5)
ONE_REGION = Release(0.5, in_region=(2, 4.0))  # better everywhere else, and much worse there
DEMO_USERS, DEMO_PAGES, LARGE_USERS, LARGE_PAGES = 5_000, 1_700, 60_000, 60_000
REAL_USERS, WORKERS = 40_000_000, 2
OFTEN = 0.25  # hours between looks at the first step: fifteen minutes


@dataclass(frozen=True)
class Size:
    """How large a platform is: users, pages a day, days of trial."""

    users: int
    pages: int
    days: int

    def trials(self, challenger: Release) -> Trials:
        """Trials of that release against the usual champion."""
        days = BEFORE + self.days
        scale = Scale(users=self.users, videos=4_000, days=days, impressions=self.pages * 10 * days)
        return trials(scale, self.days, EQUAL, challenger)


def courses(
    of: Trials, runs: int, every: float = 1.0, starts: Sequence[float] = (0.0,), workers: int = WORKERS
) -> list[Course]:
    """The courses of so many trials, each with luck and askers of its own; they begin at these hours in turn."""
    assert of.sides  # made before the processes part, so that they share them
    seeds, begins = range(runs), [starts[run % len(starts)] for run in range(runs)]
    if workers < 2:
        return [of.run(seed, every, start) for seed, start in zip(seeds, begins, strict=True)]
    with ProcessPoolExecutor(workers, get_context("fork")) as pool:
        return list(pool.map(partial(_run, of), seeds, [every] * runs, begins, chunksize=4))


def _run(of: Trials, seed: int, every: float, start: float) -> Course:
    return of.run(seed, every, start)


def ended(courses: Sequence[Course], end: str) -> float:
    """The share of courses that ended so."""
    return sum(course.end == end for course in courses) / len(courses)


def measure(folder: Path) -> Proof:
    """All tables of the section."""
    demo = Size(DEMO_USERS, DEMO_PAGES, 14).trials(EQUAL)
    large = Size(LARGE_USERS, LARGE_PAGES, 2).trials(EQUAL)
    parts = [_equal(demo), _worse(large), _better(demo), _region(large), _power(demo), _payments()]
    return Proof("\n\n".join(part.text for part in parts), all(part.passed for part in parts))


def _equal(demo: Trials, runs: int = 400) -> Proof:
    lines, passed = [], True
    for every, name in ((1.0, "every hour"), (24.0, "every day")):
        ran = courses(demo, runs, every)
        alarms, fixed = ended(ran, "abort"), sum(course.fixed for course in ran) / runs
        passed &= alarms <= 0.05
        lines.append([name, runs, f"{alarms:.2%}", f"{fixed:.0%}", f"{ended(ran, 'champion'):.0%}"])
    head = ("looked at", "trials", "aborted", "called worse by a fixed 95 % interval", "became champion, as not worse")
    return Proof(
        "**Equal releases (A/A).** Two releases that show the same pages, at the demo's size "
        f"({DEMO_USERS:,} users, {DEMO_PAGES:,} pages a day), 14 days through all steps, looked at all the time. At "
        "most 5 % may be aborted, by any guardrail, any region, the goal or the numbers of askers.\n\n"
        + markdown(head, lines),
        passed,
    )


def _worse(large: Trials, runs: int = 40) -> Proof:
    lines, passed = [], True
    for release in (WORSE, MUCH_WORSE, replace(EQUAL, lower=0.1)):
        tried = replace(large, challenger=release)
        ran = courses(tried, runs, OFTEN, (2.0, 9.0, 18.0))
        harmed = np.array([course.answered for course in ran]) / LARGE_PAGES
        first = all(course.end == "abort" and course.moves[-1][1] == 5 for course in ran)
        passed &= first and float(np.quantile(harmed, 0.95)) <= 0.01
        hours = [course.moves[-1][0] for course in ran]
        what = f"{tried.lift:+.0%} long views" if release.lower < 0.1 else "late for one page of ten"
        lines.append(
            [what, f"{ended(ran, 'abort'):.0%}", "5 %" if first else "more", f"{np.median(hours):.1f}",
             f"{harmed.mean():.2%}", f"{np.quantile(harmed, 0.95):.2%}", f"{harmed.max():.2%}"]
        )  # fmt: skip
    head = (
        "truly", "aborted", "at the share of", "after hours (median)", "of a day's requests harmed", "in 95 of 100",
        "in the worst",
    )  # fmt: skip
    return Proof(
        f"**Worse releases** at {LARGE_USERS:,} users and as many pages a day, begun at 2, 9 or 18 o'clock, looked at "
        "every fifteen minutes. In 95 of 100 trials at most 1 % of a day's requests may be harmed.\n\n"
        + markdown(head, lines),
        passed,
    )


def _better(demo: Trials, runs: int = 40) -> Proof:
    lines, passed = [], True
    for release in (BETTER, Release(0.0)):
        tried = replace(demo, challenger=release)
        ran = courses(tried, runs)
        won = ended(ran, "champion")
        passed &= won >= 0.9 and ended(ran, "abort") <= 0.05
        days = [course.moves[-1][0] / 24 for course in ran if course.champion]
        lines.append([f"{tried.lift:+.0%} long views", f"{won:.0%}", f"{np.median(days):.1f}"])
    head = ("truly", "became champion", "after days (median; 3 at least)")
    return Proof("**Better releases** at the demo's size, 14 days.\n\n" + markdown(head, lines), passed)


def _region(large: Trials, runs: int = 40) -> Proof:
    tried = replace(large, challenger=ONE_REGION)
    ran = courses(tried, runs, OFTEN, (2.0, 9.0, 18.0))
    by_region = [
        course.end == "abort"
        and all(f.part == "region 2" for f in course.moves[-1][2].findings if f.state == "broken" and f.slice)
        and any(f.slice for f in course.moves[-1][2].findings if f.state == "broken")
        for course in ran
    ]
    share, at = float(np.mean(by_region)), [course.moves[-1][1] for course in ran if course.moves]
    harmed = np.array([course.answered for course in ran]) / LARGE_PAGES / 5
    return Proof(
        f"**Worse in one region only.** {tried.lift:+.0%} long views over all, and much worse in region 2 of five: "
        f"{share:.0%} of {runs} trials were aborted by the guardrail of that region and by no other, at a share of "
        f"{max(at, default=0)} % at most; about {harmed.mean():.2%} of a day's requests were that region's and the "
        "release's.",
        share >= 0.95,
    )


def _power(demo: Trials) -> Proof:
    """What is seen in seven days at the last step, from the spread that simulated askers have."""
    rules = demo.rules
    facts = demo.facts_after(7 * 24.0, step=2, seed=1)
    every = {f.measure: f for f in findings(facts, rules) if not f.slice}
    goal = goal_of(facts, rules)
    lines = []
    for name, users in (("demo", DEMO_USERS), ("large", LARGE_USERS), ("real", REAL_USERS)):
        times = np.sqrt(DEMO_USERS / users)
        seen = [smallest_effect_seen(f.error * times, 0.05, rules.miss) for f in (goal, every["click_rate"])]
        plain = smallest_effect_seen(goal.error * times / np.sqrt(1 - goal.reduced), 0.05, rules.miss)
        lines.append([name, f"{users:,}", *(f"{each:.3%}" for each in (seen[0], plain, seen[1]))])
    head = ("size", "users", "long views", "the same without CUPED", "click rate")
    return Proof(
        "**How small an effect is seen** in seven days at a share of 50 %, in 8 of 10 trials, as a part of the "
        "champion's figure: measured at the demo's size, and from there by the root of the users. The time before the "
        f"trial explains {goal.reduced:.0%} of the variance of long views.\n\n" + markdown(head, lines),
        True,
    )


def _payments(runs: int = 400) -> Proof:
    lines, passed = [], True
    for ways, what, most in ((Ways(), "equal", 0.05), (MORE_FRICTION, "twice the friction", 1.0),
                             (ONLINE_ONLY, "two and a half times the friction, online only", 1.0)):  # fmt: skip
        worse = ways != Ways()
        ran = [PaymentTrials(ways).run(seed, 0.25) for seed in range(40 if worse else runs)]
        aborted = sum(decision is not None and decision.does == "abort" for decision, _ in ran) / len(ran)
        passed &= aborted >= 0.95 if worse else aborted <= most
        decided = f"{np.median([share for _, share in ran]):.0%}" if worse else ""
        lines.append([what, len(ran), f"{aborted:.2%}", decided])
    head = ("truly", "trials", "aborted", "of a day's payments decided by it until then (median)")
    return Proof(
        "**Payments**, each drawn by its own key, 4,000 a day, 14 days, looked at every six hours.\n\n"
        + markdown(head, lines),
        passed,
    )


TRIALS = Section("trials", "Trials decide rightly", measure)
