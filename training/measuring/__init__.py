"""Measures of a contender, each with its interval, of the lists it would show, and of its value off-policy."""

from training.measuring.evaluation import Evaluation, JudgedRows, MeasureValue, difference, evaluate
from training.measuring.exposure import Concentration, Exposures, exposures
from training.measuring.off_policy import Decisions, PolicyValue, effective_rows, policy_value
from training.measuring.random_pages import drawn_by_lot, place_decisions
from training.objectives.list_measures import owners
from training.objectives.measures import bins_of, discounted, ndcg

__all__ = [
    "Concentration",
    "Decisions",
    "Evaluation",
    "Exposures",
    "JudgedRows",
    "MeasureValue",
    "PolicyValue",
    "bins_of",
    "difference",
    "discounted",
    "drawn_by_lot",
    "effective_rows",
    "evaluate",
    "exposures",
    "ndcg",
    "owners",
    "place_decisions",
    "policy_value",
]
