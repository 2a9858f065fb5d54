"""What a model is to be good at: six objectives, each with its unit, its merit and its measures."""

from training.objectives.choose import Choose
from training.objectives.classify import Classify, Costs
from training.objectives.list_measures import owners
from training.objectives.measures import Measure, bins_of, discounted, exposure, mean, ndcg, places_in_group
from training.objectives.names import measure_names
from training.objectives.objective import DAY, MINUTE, Curve, Judged, Link, Objective
from training.objectives.quantile import Quantile
from training.objectives.rank import Rank
from training.objectives.regress import Regress, jumps
from training.objectives.retrieve import Retrieve
from training.objectives.roles import acted_on, role_numbers

__all__ = [
    "DAY",
    "MINUTE",
    "Choose",
    "Classify",
    "Costs",
    "Curve",
    "Judged",
    "Link",
    "Measure",
    "Objective",
    "Quantile",
    "Rank",
    "Regress",
    "Retrieve",
    "acted_on",
    "bins_of",
    "discounted",
    "exposure",
    "jumps",
    "mean",
    "measure_names",
    "ndcg",
    "owners",
    "places_in_group",
    "role_numbers",
]
