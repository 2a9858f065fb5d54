"""What columns are worth to a model, and how much of it is new at each row: the evidence for the gate `lift`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from infra.arrays import AnyArray, Float32s, Int64s
from training.contenders import Fitted
from training.objectives import Judged, Objective
from validation.gates import ColumnWorth

ROWS = 8_000  # judge rows, in whole groups, that are scored without each column
NOBODY = -1


@dataclass(frozen=True, slots=True)
class JudgeSample:
    """Some judge groups as they are served.

    matrix  (all rows, features) of the training set      rows  the places of the sample in it
    judged  the sample as it is measured                  point the score from which the model acts, where it acts
    """

    matrix: Float32s
    rows: Int64s
    features: Sequence[str]
    judged: Judged
    objective: Objective
    point: float | None
    seed: int


def column_worths(
    model: Fitted,
    sample: JudgeSample,
    sets: Mapping[str, Sequence[str]],
    before: Mapping[str, Mapping[str, Int64s]],
    least: float,
) -> list[ColumnWorth]:
    """What each set of columns is worth, and what of it is lost with the values of the row before.

    The worth is the merit that the model loses when the columns are taken from other rows; it is not fitted anew, so
    this is more rather than less. What is lost with the values that the columns had at the last row before of the same
    key is what they tell of this row alone.

    sets    name → columns
    before  name of a set → by which key → (sample rows,) the place of the row before, NOBODY where there is none
    least   the merit that a set has to be worth for the row before to matter
    """
    own = sample.matrix[sample.rows]
    with_all = _merits(model, own, sample)
    elsewhere = np.random.default_rng(sample.seed).permutation(len(own))
    read = set(model.importance())
    worths = []
    for name, columns in sets.items():
        places = [sample.features.index(column) for column in columns if column in read]
        if not places:
            continue

        def lost(rows: AnyArray, values: Float32s, places: Sequence[int] = places) -> AnyArray:
            changed = own.copy()
            changed[rows[:, None], np.array(places)] = values[:, places]
            return with_all - _merits(model, changed, sample)

        everywhere = np.arange(len(own))
        worths.append(ColumnWorth(name, "", lost(everywhere, own[elsewhere]), None))
        if not np.nanmean(worths[-1].worth) >= least:
            continue
        for key, previous in before.get(name, {}).items():
            rows = np.flatnonzero(previous != NOBODY)
            if len(rows):
                mixed = own[np.random.default_rng(sample.seed).permutation(rows)]
                worths.append(ColumnWorth(name, key, lost(rows, mixed), lost(rows, sample.matrix[previous[rows]])))
    return worths


def rows_before(codes: AnyArray, times: AnyArray, rows: Int64s) -> Int64s:
    """(rows,) the last row of the same code that was shown at an earlier moment, NOBODY where there is none.

    codes, times  (all rows,)      rows  places of those that are asked for
    """
    order = np.lexsort((times, codes))
    code, time = codes[order], times[order]
    first_of_code = np.r_[True, code[1:] != code[:-1]]
    first_of_moment = first_of_code | np.r_[True, time[1:] != time[:-1]]
    begins = np.maximum.accumulate(np.where(first_of_moment, np.arange(len(order)), 0))
    previous = np.where(first_of_code[begins], NOBODY, order[np.maximum(begins - 1, 0)])
    before = np.empty(len(order), dtype=np.int64)
    before[order] = previous
    return before[rows]


def _merits(model: Fitted, matrix: Float32s, sample: JudgeSample) -> AnyArray:
    return sample.objective.merits(sample.judged, model.scores(np.ascontiguousarray(matrix)), sample.point)
