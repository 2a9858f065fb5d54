"""Measures of a contender, each with its interval, and of the lists it would show."""

from training.measuring.evaluation import Evaluation, JudgedRows, difference, evaluate
from training.measuring.exposure import Concentration, Exposures, exposures
from training.measuring.list_measures import owners
from training.measuring.measures import bins_of, ndcg

__all__ = [
    "Concentration",
    "Evaluation",
    "Exposures",
    "JudgedRows",
    "bins_of",
    "difference",
    "evaluate",
    "exposures",
    "ndcg",
    "owners",
]
