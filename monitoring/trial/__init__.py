"""The trial of a release beside the champion: rules, facts, findings, the decision, and the report people read."""

from monitoring.trial.decide import TrialDecision, decide_trial
from monitoring.trial.facts import ALL, Contrast, ShadowFacts, TrialFacts
from monitoring.trial.findings import TrialFinding, findings, goal_of, surely_gained
from monitoring.trial.rules import (
    STEPS,
    Guardrail,
    Holds,
    Level,
    LookedUp,
    Measure,
    OfTheTop,
    ShadowRules,
    Tally,
    TrialRules,
)

__all__ = [
    "ALL",
    "STEPS",
    "Contrast",
    "Guardrail",
    "Holds",
    "Level",
    "LookedUp",
    "Measure",
    "OfTheTop",
    "ShadowFacts",
    "ShadowRules",
    "Tally",
    "TrialDecision",
    "TrialFacts",
    "TrialFinding",
    "TrialRules",
    "decide_trial",
    "findings",
    "goal_of",
    "surely_gained",
]
