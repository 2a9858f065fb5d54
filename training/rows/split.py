"""The rows divided by time: rows to fit, rows to tune, rows to judge. Nothing is drawn at random."""

from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infra.errors import DefinitionError
from training.definition import Split

FIT, TUNE, JUDGE, BETWEEN = 0, 1, 2, 3
PARTS = {"fit": FIT, "tune": TUNE, "judge": JUDGE, "between": BETWEEN}
Times = NDArray[np.datetime64]


def split_rows(
    times: Times, groups: NDArray[Any], split: Split, window: timedelta, known: Times | None = None
) -> NDArray[np.int8]:
    """The part each row belongs to: FIT, TUNE, JUDGE, or BETWEEN for rows whose label was not known at the next cut.

    times   (rows,) when each row was shown, UTC      groups  (rows,) codes from 0 of what is ranked together
    known   (rows,) since when each row's label is known, UTC; without it, since its window closed
    All rows of a group are in the part of its first row, so that no group is both learned from and judged. A group that
    lasts longer than the window, such as all rows of a user, is divided by time like everything else.
    """
    tune_from, judge_from = cuts(times, split)
    starts = _starts(times, groups, window)
    closed = times + np.timedelta64(window) if known is None else known
    place = np.full(len(times), BETWEEN, dtype=np.int8)
    place[(starts < tune_from) & (closed <= tune_from)] = FIT
    place[(starts >= tune_from) & (starts < judge_from) & (closed <= judge_from)] = TUNE
    place[starts >= judge_from] = JUDGE
    return place


def cuts(times: Times, split: Split) -> tuple[np.datetime64, np.datetime64]:
    """The moments at which tuning and judging begin."""
    if split.tune_from is not None and split.judge_from is not None:
        moments = _moment(split.tune_from), _moment(split.judge_from)
    else:
        ordered = np.sort(times)
        places = (int(len(ordered) * share) for share in (split.fit, split.fit + split.tune))
        moments = tuple(ordered[min(place, len(ordered) - 1)] for place in places)
    if not moments[0] < moments[1]:
        begins = f"split: tuning would begin {moments[0]}, judging {moments[1]}"
        raise DefinitionError(f"{begins}; give the rows more time or other cuts")
    return moments


def _moment(moment: datetime) -> np.datetime64:
    return np.datetime64(int(moment.timestamp() * 1_000_000), "us")


def _starts(times: Times, groups: NDArray[Any], window: timedelta) -> Times:
    """When each row's group began; of long groups, each row's own time."""
    micros = times.astype("datetime64[us]").astype(np.int64)
    first, last = np.full(int(groups.max()) + 1, np.iinfo(np.int64).max), np.full(int(groups.max()) + 1, 0)
    np.minimum.at(first, groups, micros)
    np.maximum.at(last, groups, micros)
    short = last - first <= np.timedelta64(window).astype("timedelta64[us]").astype(np.int64)
    return np.where(short[groups], first[groups], micros).astype("datetime64[us]")
