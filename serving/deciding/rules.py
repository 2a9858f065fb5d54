"""Whether rules hold for a case: comparisons of the request's columns, states, score and action."""

from collections.abc import Mapping, Sequence
from math import exp2, isnan
from typing import Any

from feature_repo.definition import FeatureSet
from serving.asker import CaseState
from serving.case_policy import Decide
from serving.rules import Above, Among, AtLeast, Below, Comparison, Rule, Unknown

Decays = Mapping[str, tuple[str, int, float]]  # `view.counter` → view, place, half-life in seconds


def decays(features: FeatureSet) -> Decays:
    """Where each counter of a feature set stands, and how it decays."""
    return {
        f"{view.name}.{name}": (view.name, place, half_life)
        for view in features.counter_views
        for place, (name, half_life) in enumerate(zip(view.counters, view.half_lives, strict=True))
    }


class Facts:
    """What rules compare for one case: by the names that comparisons use."""

    __slots__ = ("_decays", "_given", "_state", "action", "score")

    def __init__(self, given: Mapping[str, Any], state: CaseState, decay: Decays) -> None:
        self._given, self._state, self._decays = given, state, decay
        self.score: float | None = None
        self.action: str | None = None

    def value(self, name: str) -> Any:
        """What is known under a name; None where nothing is."""
        if name == "score":
            return self.score
        if name == "action":
            return self.action
        if "." not in name:
            return self._given.get(name)
        return self._counter(*self._decays[name]) if name in self._decays else self._state.fields.get(name)

    def _counter(self, view: str, place: int, half_life: float) -> float | None:
        own = self._state.counters.get(view)
        if own is None:
            return None
        return float(own.values[0, place]) * exp2(-max(self._state.at - float(own.at[0]), 0.0) / half_life)


def first_that_holds(rules: Sequence[Rule], facts: Facts) -> Rule | None:
    """The first rule whose comparisons all hold."""
    return next((rule for rule in rules if holds(rule, facts)), None)


def softened(policy: Decide, facts: Facts, action: str) -> tuple[str, list[str]]:
    """The action after the policy's last rules, and the names of those that held."""
    names = []
    for rule in policy.last:
        facts.action = action
        if rule.then != action and holds(rule, facts):
            action = rule.then
            names.append(rule.name)
    return action, names


def holds(rule: Rule, facts: Facts) -> bool:
    """Whether every comparison of a rule holds."""
    return all(_holds(comparison, facts.value(comparison.of)) for comparison in rule.when)


def _holds(comparison: Comparison, value: Any) -> bool:
    known = value is not None and not (isinstance(value, float) and isnan(value))
    if isinstance(comparison, Unknown):
        return not known
    if isinstance(comparison, Among):
        return known and str(value) in comparison.words
    if not known or isinstance(value, str):
        return False
    match comparison:
        case Above(limit=limit):
            return bool(value > limit)
        case AtLeast(limit=limit):
            return bool(value >= limit)
        case Below(limit=limit):
            return bool(value < limit)
