"""The rows of a training set in their own order, whatever order they come in: a model's last bits depend on it."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from infra.arrays import AnyArray
from training.definition import Task
from training.rows import Dataset

Places = NDArray[np.intp]


def in_own_order(dataset: Dataset, task: Task) -> Places:
    """The places of the rows in order of time, then of the ids of group and item, then of their content."""
    times = dataset.times().astype(np.int64)
    ids = [np.array([*map(str, dataset.frame[name])], dtype=object) for name in (task.unit, task.item) if name]
    if _ascending(times, ids):
        return np.arange(len(times))
    keys = [pd.factorize(column, sort=True)[0] for column in ids]
    return np.lexsort((_content(dataset), *reversed(keys), times)).astype(np.intp)


def _ascending(times: AnyArray, ids: list[AnyArray]) -> bool:
    """Whether the rows are in this order, and none has time and ids of another; costs little where they are."""
    if (times[1:] < times[:-1]).any():
        return False
    ties = np.flatnonzero(times[1:] == times[:-1])
    for column in ids:
        before, after = column[ties], column[ties + 1]
        if (after < before).any():
            return False
        ties = ties[after == before]
    return not len(ties)


def _content(dataset: Dataset) -> NDArray[np.uint64]:
    """A hash of each row's values: rows that agree in it too may change places."""
    frame = dataset.frame[sorted(dataset.frame.columns)]
    of_labels = pd.util.hash_pandas_object(frame, index=False).to_numpy()
    of_inputs = pd.util.hash_pandas_object(pd.DataFrame(dataset.matrix), index=False).to_numpy()
    return np.asarray(of_labels * np.uint64(31) + of_inputs, dtype=np.uint64)
