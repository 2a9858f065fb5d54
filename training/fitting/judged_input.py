"""The input as it is judged: all rows of a group as one page would be, from what was known when it was asked for."""

import numpy as np
import pandas as pd

from infra.arrays import AnyArray, Float32s
from training.definition import Task
from training.rows import Dataset


def as_served(matrix: Float32s, dataset: Dataset, task: Task) -> Float32s:
    """The input as serving would make it: features that only the log knows, such as the position, are neutral."""
    served = matrix.copy()
    for name in set(task.logged_only) & set(dataset.features):
        served[:, dataset.features.index(name)] = dataset.neutral[name]
    return served


def as_judged(dataset: Dataset, task: Task, rows: AnyArray) -> Float32s:
    """The input of these rows, in order of time, as serving would make it for their group as a page.

    A group that lasts for days is no page: its later rows know, in the features of the user, how the earlier ones
    ended. `task.frozen` features keep the value of the first row of their group and keys.
    """
    served = as_served(dataset.matrix[rows], dataset, task)
    for frozen in task.frozen:
        keys = dataset.frame[list(dict.fromkeys((task.unit, *frozen.keys)))].iloc[rows]
        first = _first_of_its_kind(keys)
        for name in set(frozen.features) & set(dataset.features):
            column = dataset.features.index(name)
            served[:, column] = served[first, column]
    return served


def _first_of_its_kind(keys: pd.DataFrame) -> AnyArray:
    """For each row the place of the first row with the same keys."""
    codes = keys.groupby(list(keys.columns), sort=False, dropna=False).ngroup().to_numpy()
    places: AnyArray = np.unique(codes, return_index=True)[1][codes]
    return places
