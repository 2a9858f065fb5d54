"""Measures of a contender, each with its interval, of the lists it would show, and of its value off-policy."""

from training.measuring.evaluation import Evaluation, MeasureValue, Said, difference, evaluate
from training.measuring.exposure import Concentration, Exposures, exposures
from training.measuring.off_policy import Decisions, PolicyValue, effective_rows, policy_value
from training.measuring.random_pages import drawn_by_lot, place_decisions

__all__ = [
    "Concentration",
    "Decisions",
    "Evaluation",
    "Exposures",
    "MeasureValue",
    "PolicyValue",
    "Said",
    "difference",
    "drawn_by_lot",
    "effective_rows",
    "evaluate",
    "exposures",
    "place_decisions",
    "policy_value",
]
