"""From the facts of a trial to a decision: on to the next step, wait, away with it, or the end without a winner."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from infra.statistics import sample_ratio_chance
from monitoring.trial.facts import ShadowFacts, TrialFacts
from monitoring.trial.findings import TrialFinding, findings, goal_of, surely_gained
from monitoring.trial.rules import STEPS, TrialRules

Does = Literal["advance", "hold", "abort", "finish"]
Evidence = Mapping[str, str | float | int | bool | None]
SURELY = 1e-3  # how seldom a release with as many errors as it may have is said to have more


@dataclass(frozen=True, slots=True)
class TrialDecision:
    """What follows now, why in a sentence, and the figures it rests on.

    does  advance: to the next step, after the last one to champion; abort: it does harm, or the trial is broken;
          finish: the longest time is over and nothing was shown, so that the champion stays
    """

    does: Does
    reason: str
    evidence: Evidence = field(default_factory=dict)
    findings: tuple[TrialFinding, ...] = ()
    goal: TrialFinding | None = None


def decide_trial(facts: TrialFacts, rules: TrialRules, now: datetime) -> TrialDecision:
    """What follows from the facts. The same facts give the same decision, and it may be asked for at any moment."""
    overdue = now - facts.entered >= rules.longest
    if facts.share == 0:
        return _of_shadow(facts, rules, now, overdue)
    here, there = facts.askers
    figures: dict[str, str | float | int | bool | None] = {
        "share": facts.share, "askers": here, "champion's askers": there, "in both": facts.changed,
    }  # fmt: skip
    if not here or not there:
        nobody = "the release on trial" if not here else "the champion"
        says = f"nobody was answered by {nobody} since {facts.since:%Y-%m-%d %H:%M}: nothing can be compared"
        return _ended(rules, says, figures) if overdue else TrialDecision("hold", says, figures)
    broken = _broken_trial(facts, rules, figures) or _broken_shadow(facts.shadow, rules)
    if broken:
        return TrialDecision("abort", broken, figures)
    every, goal = findings(facts, rules), goal_of(facts, rules)
    figures |= _figures(goal, every)
    harmful = [f for f in (*every, goal) if f.state == "broken"]
    too_high = [level for level in rules.levels if facts.levels.get(level.name, 0.0) > level.at_most]
    if harmful or too_high:
        levels = [f"{x.name} is {facts.levels[x.name]:.3g}, at most {x.at_most:g} may be" for x in too_high]
        return TrialDecision("abort", "; ".join([*(f.says() for f in harmful), *levels]), figures, every, goal)
    does, says = _of_step(facts, rules, now, goal, every)
    if does == "hold" and overdue:
        return _ended(rules, says, figures, every, goal, last=facts.share == STEPS[-1])
    return TrialDecision(does, says, figures, every, goal)


def _of_step(
    facts: TrialFacts, rules: TrialRules, now: datetime, goal: TrialFinding, every: tuple[TrialFinding, ...]
) -> tuple[Does, str]:
    """Whether a step without harm has lasted and shown enough."""
    if min(facts.askers) < rules.askers:
        return "hold", f"{min(facts.askers)} askers of one variant, {rules.askers} are needed"
    asked = (*every, goal) if facts.share == STEPS[-1] else every  # what the goal is made of may come weeks later
    unknown = [f.says() for f in asked if f.state == "too little" and not f.slice]
    unknown += [f"{level.name} was not measured" for level in rules.levels if level.name not in facts.levels]
    if unknown:
        return "hold", unknown[0]
    rest = rules.at_least - (now - facts.since)
    if rest > timedelta(0):
        return "hold", f"no harm is sure; this step lasts until {now + rest:%Y-%m-%d %H:%M} at least"
    if facts.share < STEPS[-1]:
        return "advance", f"{len(every)} guardrails hold at {facts.share} % after {lasted(now - facts.since)}"
    return _of_last_step(rules, goal)


def _of_last_step(rules: TrialRules, goal: TrialFinding) -> tuple[Does, str]:
    """Whether the release may become champion: it is surely better, or surely not worse than it may be."""
    gained = surely_gained(goal, rules)
    shown = f"{goal.measure} {goal.trial:.4g} against {goal.control:.4g}, {goal.difference}"
    if gained > 0:
        return "advance", f"better: {shown}, surely by {gained:.3g}"
    if gained > -rules.not_worse_by:
        return "advance", f"not worse by {rules.not_worse_by:g}: {shown}"
    return "hold", f"neither better nor surely within {rules.not_worse_by:g}: {shown}"


def _ended(
    rules: TrialRules, says: str, figures: Evidence, every: tuple[TrialFinding, ...] = (),
    goal: TrialFinding | None = None, *, last: bool = False,
) -> TrialDecision:  # fmt: skip
    """The decision at the end of the longest time: by the estimate where the rules say so, else the champion stays."""
    if last and goal is not None and rules.undecided == "estimate decides":
        gain = goal.difference.mean if rules.goal.better == "higher" else -goal.difference.mean
        if gain >= 0:
            says = f"no difference was shown in {lasted(rules.longest)} and the estimate is not below 0: {says}"
            return TrialDecision("advance", says, figures, every, goal)
    says = f"the champion stays: nothing was shown in {lasted(rules.longest)} ({says})"
    return TrialDecision("finish", says, figures, every, goal)


def _broken_trial(facts: TrialFacts, rules: TrialRules, figures: dict[str, str | float | int | bool | None]) -> str:
    """Why the trial itself says nothing: its askers are not those that were to be drawn; empty where they are."""
    drawn = facts.share / 100
    chance = sample_ratio_chance(facts.askers, (drawn, 1 - drawn))
    figures["chance of these askers"] = chance
    here, there = facts.askers
    if chance < rules.mismatch_error:
        return (
            f"sample-ratio mismatch: {here} of {here + there} askers had the release, {facts.share} % were to be drawn "
            f"(chance {chance:.1e}); what was compared are not the same kinds of askers"
        )
    both = here + there + facts.changed
    if both >= rules.askers and facts.changed > rules.changed * both:
        return (
            f"{facts.changed} of {both} askers were in both variants of one step, at most {rules.changed:.0%} may: the "
            "salt has changed, or workers follow different pointers"
        )
    return ""


def _of_shadow(facts: TrialFacts, rules: TrialRules, now: datetime, overdue: bool) -> TrialDecision:
    shadow = facts.shadow
    figures = _shadow_figures(shadow)
    broken = _broken_shadow(shadow, rules)
    if broken:
        return TrialDecision("abort", broken, figures)
    waits = _waits(shadow, rules, now - facts.since)
    if waits:
        return _ended(rules, waits, figures) if overdue else TrialDecision("hold", waits, figures)
    says = f"{shadow.requests} requests in shadow: {shadow.errors} errors, {shadow.changed:.0%} would change"
    return TrialDecision("advance", says, figures)


def _broken_shadow(shadow: ShadowFacts, rules: TrialRules) -> str:
    """What beside the champion showed that nobody may be answered by it; empty where nothing did."""
    wanted = rules.shadow
    chance = sample_ratio_chance((shadow.errors, shadow.requests - shadow.errors), (wanted.errors, 1 - wanted.errors))
    if shadow.errors > wanted.errors * shadow.requests and chance < SURELY:
        return f"{shadow.errors} of {shadow.requests} requests in shadow had an error, {wanted.errors:.1%} may"
    if shadow.requests >= wanted.requests and shadow.challenger_ms > wanted.slower * shadow.champion_ms:
        times = shadow.challenger_ms / shadow.champion_ms
        return f"it takes {times:.1f} times as long as the champion (95 of 100 requests), {wanted.slower:g} may"
    return ""


def _waits(shadow: ShadowFacts, rules: TrialRules, so_far: timedelta) -> str:
    """What the shadow has yet to show; empty where it has shown all."""
    wanted = rules.shadow
    if shadow.requests < wanted.requests:
        return f"{shadow.requests} requests were scored in shadow, {wanted.requests} are needed"
    if not shadow.challenger_ms <= wanted.slower * shadow.champion_ms:  # NaN, too
        return "what a request costs was not measured in shadow"
    if shadow.errors > wanted.errors * shadow.requests:
        return f"{shadow.errors} of {shadow.requests} requests had an error, {wanted.errors:.1%} may"
    if so_far < wanted.at_least:
        return f"shadow lasts {lasted(wanted.at_least)} at least, {lasted(so_far)} are over"
    return ""


def _shadow_figures(shadow: ShadowFacts) -> Evidence:
    numbers = {
        "challenger ms": shadow.challenger_ms, "champion ms": shadow.champion_ms, "changed": shadow.changed,
        "rank agreement": shadow.rank_agreement, "score shift": shadow.score_shift,
    }  # fmt: skip
    known = {name: round(value, 6) for name, value in numbers.items() if math.isfinite(value)}
    return {"requests": shadow.requests, "errors": shadow.errors, **known}


def _figures(goal: TrialFinding, every: tuple[TrialFinding, ...]) -> Evidence:
    """The goal's figures, and the harm of each guardrail nearest to its limit."""
    return {
        f"{f.measure} {f.slice} {f.part}".strip(): f"{f.trial:.4g} against {f.control:.4g}, {f.difference}"
        for f in (goal, *every)
        if f.state != "too little"
    }


def lasted(time: timedelta) -> str:
    """A time as people say it: days from two days on, else hours."""
    hours = time.total_seconds() / 3600
    return f"{hours / 24:.3g} days" if hours >= 48 else f"{hours:.3g} hours"
