"""Rows of a group that lasts for days are judged as one page: no row knows how an earlier one of its user ended."""

from dataclasses import replace

import numpy as np
import pandas as pd
from shop import TASK

from training.definition import FrozenFeatures
from training.fitting import as_judged
from training.fitting.best_column import best_column
from training.objectives import Judged, Rank, ndcg
from training.rows.dataset import Dataset, dataset_of

GUESTS, ROWS = 200, 10
NAMES = ("habit", "noise")


def rows_of_days(seed: int = 0) -> Dataset:
    """Each guest's rows of ten days: `habit` is the guest's own rate before each row; nothing tells what is bought."""
    rng = np.random.default_rng(seed)
    bought = rng.integers(0, 2, (ROWS, GUESTS)).astype(np.float32)
    before = np.vstack([np.zeros((1, GUESTS), np.float32), np.cumsum(bought, axis=0)[:-1]])
    habit = (before + 1) / (np.arange(ROWS)[:, None] + 2)
    matrix = np.column_stack([habit.ravel(), rng.random(ROWS * GUESTS)]).astype(np.float32)
    days = pd.Timestamp("2026-05-01", tz="UTC") + pd.to_timedelta(np.repeat(np.arange(ROWS), GUESTS), unit="D")
    guests = np.tile(np.arange(GUESTS), ROWS)
    frame = pd.DataFrame({"guest": guests, "kind": guests % 2, "bought": bought.ravel(), "event_timestamp": days})
    return dataset_of(frame, matrix, NAMES, (), {"place": 0.0})


def reached(dataset: Dataset, matrix: np.ndarray) -> tuple[str, float, float]:
    """The best column, its sign, and the mean NDCG it reaches within all rows of a guest."""
    guest, gain = dataset.frame["guest"].to_numpy(), dataset.frame["bought"].to_numpy(dtype=np.float64)
    best = best_column(matrix, NAMES, Judged(GUESTS, GUESTS, guest, guest, gain, {"gain": gain}), Rank())
    return best.feature, best.sign, float(np.nanmean(ndcg(guest, gain, best.scores(matrix), 10, GUESTS)))


def test_a_guests_own_rate_wins_by_what_later_rows_know_and_not_where_the_group_is_judged_as_a_page() -> None:
    dataset, everything = rows_of_days(), np.arange(GUESTS * ROWS)
    by_guest = replace(TASK, unit="guest")
    feature, sign, won = reached(dataset, as_judged(dataset, by_guest, everything))
    assert (feature, sign) == ("habit", -1.0), "the lowest rate first: it was lowest before what was bought"
    frozen = replace(by_guest, frozen=(FrozenFeatures(("guest",), ("habit",)),))
    _, _, rest = reached(dataset, as_judged(dataset, frozen, everything))
    assert rest < won - 0.05


def test_a_frozen_feature_has_the_value_of_the_first_row_of_its_group_and_keys() -> None:
    dataset = rows_of_days(1)
    rows = np.arange(3 * GUESTS, 6 * GUESTS)
    task = replace(TASK, unit="kind", frozen=(FrozenFeatures(("guest",), ("habit", "no feature of this set")),))
    judged = as_judged(dataset, task, rows)
    assert np.array_equal(judged[:, 0], np.tile(dataset.matrix[rows[:GUESTS], 0], 3))
    assert np.array_equal(judged[:, 1], dataset.matrix[rows, 1]), "what is not the guest's stays as it was"
