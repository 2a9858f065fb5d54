"""One measure of a trial held to its limit: broken, not broken, or too little to say."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from infra.statistics import NOT_COMPARED, Difference, Interval, Totals, always_below, always_valid, compare
from monitoring.trial.facts import ALL, Contrast, TrialFacts
from monitoring.trial.rules import Guardrail, TrialRules

State = Literal["broken", "not broken", "too little"]


@dataclass(frozen=True, slots=True)
class TrialFinding:
    """A measure of both variants, of all askers or of one part, and the difference with its always-valid interval.

    difference  the trial's figure less the champion's, relative to the champion's where the limit is; its interval is
                for people, and holds at every look. `error` is the standard error
    harm        at least so much worse it is, surely (the bound that decides); −inf where nothing is known
    reduced     the share of the variance that the time before the trial explained
    """

    measure: str
    slice: str
    part: str
    trial: float
    control: float
    difference: Interval
    error: float
    harm: float
    at_most: float
    relative: bool
    state: State
    reduced: float = 0.0

    def says(self) -> str:
        """The finding in a sentence."""
        where = f"{self.measure} in {self.slice} {self.part}" if self.slice else self.measure
        if self.state == "too little":
            return f"{where}: too few rows to say"
        unit = "of the champion's " if self.relative else ""
        worse = f"worse by at least {self.harm:.3g} {unit}(at most {self.at_most:g})"
        between = f"{self.trial:.4g} against {self.control:.4g}"
        return f"{where} {between}: " + (worse if self.state == "broken" else "no harm beyond the limit is sure")


def findings(facts: TrialFacts, rules: TrialRules) -> tuple[TrialFinding, ...]:
    """Each guardrail on all askers, or on each part of its slice; parts share the probability of an error.

    A guardrail that the facts hold nothing of is there, too, as too little.
    """
    every = []
    for guardrail in rules.guardrails:
        own = [c for c in facts.contrasts if (c.measure, c.slice) == (guardrail.measure.name, guardrail.slice)]
        every += [held(guardrail, contrast, rules, rules.miss / len(own)) for contrast in own]
        if not own:
            every.append(held(guardrail, _nothing(guardrail), rules, rules.miss))
    return tuple(every)


def goal_of(facts: TrialFacts, rules: TrialRules) -> TrialFinding:
    """The goal on all askers: broken where the release is surely worse, by however little."""
    guardrail = Guardrail(rules.goal, 0.0, tuned_to=rules.tuned_to)
    own = [c for c in facts.contrasts if (c.measure, c.slice) == (rules.goal.name, ALL)]
    return held(guardrail, own[0] if own else _nothing(guardrail), rules, rules.miss)


def held(guardrail: Guardrail, contrast: Contrast, rules: TrialRules, miss: float) -> TrialFinding:
    """One contrast held to a guardrail."""
    trial, control = contrast.trial, contrast.control
    enough = _enough(trial, control, guardrail.relative, rules)
    between = compare(trial, control, relative=guardrail.relative) if enough else NOT_COMPARED
    around = Interval(between.value, 0.0, 0.0, between.units)
    harm = surely_worse(guardrail, between, miss)
    state: State = "too little" if math.isnan(between.value) else "broken" if harm > guardrail.at_most else "not broken"
    return TrialFinding(
        contrast.measure, contrast.slice, contrast.part, trial.ratio, control.ratio,
        always_valid(around, between.error, guardrail.tuned_to, rules.error), between.error, harm, guardrail.at_most,
        guardrail.relative, state, between.reduced,
    )  # fmt: skip


def surely_worse(guardrail: Guardrail, between: Difference, miss: float) -> float:
    """What the harm is above of, but with that probability, however often one looks."""
    harm = -between.value if guardrail.measure.better == "higher" else between.value
    return always_below(harm, between.error, guardrail.tuned_to, miss)


def surely_gained(goal: TrialFinding, rules: TrialRules) -> float:
    """What the gain in the goal is above of, at any look; below 0 where the release may be worse by so much."""
    gain = goal.difference.mean if rules.goal.better == "higher" else -goal.difference.mean
    return always_below(gain, goal.error, rules.tuned_to, rules.error)


def _enough(trial: Totals, control: Totals, relative: bool, rules: TrialRules) -> bool:
    """Whether both have askers, and the release rows, enough; and should have had events enough, for a relative one."""
    askers = min(int((totals.below > 0).sum()) for totals in (trial, control))
    if askers < rules.askers or trial.below.sum() < rules.rows:
        return False
    return not relative or control.ratio * float(trial.below.sum()) >= rules.events


def _nothing(guardrail: Guardrail) -> Contrast:
    nothing = Totals(np.empty(0), np.empty(0))
    return Contrast(guardrail.measure.name, guardrail.slice, ALL, nothing, nothing)
