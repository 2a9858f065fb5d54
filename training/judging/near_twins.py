"""Judge rows that stand among earlier rows under other ids: the evidence for the gate `repeats`."""

import numpy as np

from infra.arrays import AnyArray, Float32s
from validation.gates import Repeats

SAMPLE, AMONG, PEERS, AT_ONCE, STEPS = 500, 400_000, 20_000, 20_000, 256
NEAR = 0.5  # of the distance to the nearest row that no copy explains


def near_twins(matrix: Float32s, group: AnyArray, parts: dict[str, AnyArray], seed: int) -> Repeats:
    """How many judge rows have a near twin among fit and tune rows; and tune rows among fit rows, as a measure.

    A near twin is less than half as far as the nearest row of another group of the same part. Honest rows seldom are:
    what was shown days ago differs in more columns than what was shown to others meanwhile; how seldom, tune rows tell.
    """
    rng = np.random.default_rng(seed)
    fit, tune, judge = (parts[name] for name in ("fit", "tune", "judge"))
    places = _places(matrix, fit)
    judged, before = (rng.choice(part, min(SAMPLE, len(part)), replace=False) for part in (judge, tune))
    asked = _spread(matrix[np.concatenate([judged, before])], places)
    in_fit = _nearest(asked, matrix, places, _some(fit, AMONG, rng), None, group)  # read once for both
    first = len(judged)
    learned = np.minimum(in_fit[:first], _nearest(asked[:first], matrix, places, _some(tune, AMONG, rng), None, group))
    twins = learned < NEAR * _nearest(asked[:first], matrix, places, _some(judge, PEERS, rng), group[judged], group)
    usual = in_fit[first:] < NEAR * _nearest(
        asked[first:], matrix, places, _some(tune, PEERS, rng), group[before], group
    )
    return Repeats(len(judged), int(twins.sum()), len(before), int(usual.sum()))


def _some(rows: AnyArray, most: int, rng: np.random.Generator) -> AnyArray:
    return rows if len(rows) <= most else rng.choice(rows, most, replace=False)


def _places(matrix: Float32s, rows: AnyArray) -> list[AnyArray]:
    """Of each column the values that cut it into steps of equally many rows."""
    some = matrix[rows[:: max(1, len(rows) // 20_000)]]
    cuts = [np.unique(column[np.isfinite(column)]) for column in some.T]
    return [np.quantile(own, np.linspace(0, 1, STEPS)) if len(own) > STEPS else own for own in cuts]


def _nearest(
    asked: Float32s, matrix: Float32s, places: list[AnyArray], rows: AnyArray, own: AnyArray | None, group: AnyArray
) -> Float32s:
    """The distance of each asked row to the nearest of some rows, without those of its own group."""
    nearest = np.full(len(asked), np.inf, dtype=np.float32)
    squares = np.square(asked).sum(axis=1)
    for start in range(0, len(rows), AT_ONCE):
        some = rows[start : start + AT_ONCE]
        there = _spread(matrix[some], places)
        apart = squares[:, None] + np.square(there).sum(axis=1)[None, :] - 2 * asked @ there.T
        if own is not None:
            apart[own[:, None] == group[some][None, :]] = np.inf
        nearest = np.minimum(nearest, apart.min(axis=1, initial=np.inf))
    return np.sqrt(np.maximum(nearest, 0.0))


def _spread(matrix: Float32s, places: list[AnyArray]) -> Float32s:
    """The rows with each column as its place among what was seen, 0 to 1; −1 where it is unknown."""
    spread = np.empty(matrix.shape, dtype=np.float32)
    for column, cuts in enumerate(places):
        values = matrix[:, column]
        place = np.interp(values, cuts, np.linspace(0, 1, len(cuts))) if len(cuts) > 1 else np.zeros(len(values))
        spread[:, column] = np.where(np.isfinite(values), place, -1.0)
    return spread
