"""The contenders of a training run, simplest first, behind one interface. A fitted one is saved as JSON or UBJ."""

import os

# Idle OpenMP threads sleep. By default they spin, which on shared cores costs 60 to 80 CPU s for the feed's model
# instead of 19. OpenMP reads this when scikit-learn or XGBoost loads it; so it is set before either is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from training.contenders.boosted import PREDICTIONS, Boosted, FittedBoosted
from training.contenders.columns import ByColumn, FittedColumn
from training.contenders.examples import Contender, Examples, Fitted
from training.contenders.linear import FittedLinear, Linear

__all__ = [
    "PREDICTIONS",
    "Boosted",
    "ByColumn",
    "Contender",
    "Examples",
    "Fitted",
    "FittedBoosted",
    "FittedColumn",
    "FittedLinear",
    "Linear",
]
