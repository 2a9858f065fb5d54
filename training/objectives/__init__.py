"""What a model is to be good at: six objectives, each with its unit, its merit and its measures."""

from training.objectives import list_measures, measures
from training.objectives.choose import Choose
from training.objectives.classify import Classify, Costs
from training.objectives.objective import Judged, Objective
from training.objectives.quantile import Quantile
from training.objectives.rank import Rank
from training.objectives.regress import Regress
from training.objectives.retrieve import Retrieve

__all__ = [
    "Choose",
    "Classify",
    "Costs",
    "Judged",
    "Objective",
    "Quantile",
    "Rank",
    "Regress",
    "Retrieve",
    "list_measures",
    "measures",
]
