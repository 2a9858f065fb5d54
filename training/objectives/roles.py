"""What rows are to an objective: its columns as numbers, and on which of them a score is acted."""

import numpy as np

from infra.arrays import AnyArray, Bools
from training.objectives.choose import Choose
from training.objectives.classify import Classify
from training.objectives.objective import Objective


def role_numbers(objective: Objective, role: str, column: AnyArray) -> AnyArray:
    """A column as the objective reads it: numbers as they are, words as codes.

    An action's code is its place among the actions that the objective names, −1 for any other: a model's values of the
    actions stand in that order.
    """
    if column.dtype.kind in "fiub":
        return column.astype(np.float64)
    if isinstance(objective, Choose) and role == "action":
        places = {action: place for place, action in enumerate(objective.actions)}
        return np.array([places.get(word, -1) for word in column.tolist()], dtype=np.int64)
    import pandas as pd  # it takes long, and every command loads the definitions

    return np.asarray(pd.factorize(pd.Series(column))[0])


def acted_on(objective: Objective, score: AnyArray, point: float | None) -> Bools | None:
    """(rows,) which rows are acted on from a score on; None for an objective whose point is no such score."""
    return np.asarray(score >= point) if isinstance(objective, Classify) and point is not None else None
