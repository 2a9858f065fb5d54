"""The best single column: a baseline that no definition can leave out or weaken, found anew in every run."""

import numpy as np

from infra.arrays import AnyArray, Float32s
from training.contenders import FittedColumn
from training.objectives import Judged, Objective

MOST_ROWS = 50_000  # of whole units: enough to tell good columns apart, and a second or two for sixty of them


def best_column(matrix: Float32s, features: tuple[str, ...], judged: Judged, objective: Objective) -> FittedColumn:
    """The column, upright or reversed, that decides these rows best; of equally good ones the first.

    matrix  (rows, features) as it would be served
    """
    if len(judged.unit) > MOST_ROWS:
        rows = judged.unit % -(-len(judged.unit) // MOST_ROWS) == 0
        matrix, judged = matrix[rows], judged.only(rows)
    columns = [
        FittedColumn(name, index, sign, probabilistic=False)
        for index, name in enumerate(features)
        for sign in (1.0, -1.0)
    ]

    def worth(column: FittedColumn) -> float:
        scores = column.scores(matrix)
        return _mean(objective.merits(judged, scores, objective.operating_point(judged, scores)))

    return max(columns, key=worth)


def _mean(values: AnyArray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("-inf")
