"""The trial of a release beside the champion: rules, facts, findings, the decision, and the report people read."""

from monitoring.trial.checks import check_rules
from monitoring.trial.counting import CHALLENGER, CHAMPION, Counted, count
from monitoring.trial.decide import Does, TrialDecision, decide_trial
from monitoring.trial.facts import ALL, Contrast, ShadowFacts, TrialFacts
from monitoring.trial.findings import TrialFinding, findings, goal_of, surely_gained
from monitoring.trial.report import LastReport, trial_report
from monitoring.trial.rules import (
    STEPS,
    ByAnother,
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
from monitoring.trial.shadow import shadow_facts

__all__ = [
    "ALL",
    "CHALLENGER",
    "CHAMPION",
    "STEPS",
    "ByAnother",
    "Contrast",
    "Counted",
    "Does",
    "Guardrail",
    "Holds",
    "LastReport",
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
    "check_rules",
    "count",
    "decide_trial",
    "findings",
    "goal_of",
    "shadow_facts",
    "surely_gained",
    "trial_report",
]
