"""The best single column: a baseline that no definition can leave out or weaken, found anew in every run."""

import numpy as np

from infra.arrays import AnyArray, Float32s
from training.contenders import FittedColumn
from training.measuring import ndcg

MOST_ROWS = 50_000  # of whole groups: enough to tell good columns apart, and a second or two for sixty of them


def best_column(matrix: Float32s, features: tuple[str, ...], group: AnyArray, gain: AnyArray, top: int) -> FittedColumn:
    """The column, upright or reversed, that ranks these rows best in NDCG; of equally good ones the first.

    matrix  (rows, features) as it would be served      group  (rows,) codes      gain  (rows,) graded worth
    """
    if len(group) > MOST_ROWS:
        rows = np.flatnonzero(group % -(-len(group) // MOST_ROWS) == 0)
        matrix, group, gain = matrix[rows], group[rows], gain[rows]
    groups = int(group.max()) + 1
    columns = [
        FittedColumn(name, index, sign, probabilistic=False)
        for index, name in enumerate(features)
        for sign in (1.0, -1.0)
    ]
    return max(columns, key=lambda column: _mean(ndcg(group, gain, column.scores(matrix), top, groups)))


def _mean(values: AnyArray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("-inf")
