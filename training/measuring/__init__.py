"""Measures of a contender, each with its interval, and of the lists it would show."""

from training.measuring.evaluation import Evaluation, JudgedRows, MeasureValue, difference, evaluate
from training.measuring.list_measures import owners
from training.measuring.measures import bins_of, discounted, ndcg

__all__ = [
    "Evaluation",
    "JudgedRows",
    "MeasureValue",
    "bins_of",
    "difference",
    "discounted",
    "evaluate",
    "ndcg",
    "owners",
]
