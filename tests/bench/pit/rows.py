"""The rows of a comparison, as Parquet files: impressions of four weeks, and three views of the same time."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from feature_repo.stores.view_rows import MOMENT

START, SPAN, TTL = datetime(2026, 1, 1, tzinfo=UTC), timedelta(days=28), timedelta(days=1)
FIELDS = ("c0", "c1", "c2", "c3")
AT, CREATED, QUESTION = "event_timestamp", "created", "question"
IMPRESSIONS = "impressions.parquet"
KEYS_PER_VIEW = {"by_user": ("user",), "by_video": ("video",), "by_user_category": ("user", "category")}
ROWS_A_KEY = {"user": 10, "video": 20}  # Feast compares a question with all rows of its key: few are kind to it
CATEGORIES = 20


@dataclass(frozen=True, slots=True)
class Size:
    """So many impressions, and as many rows in each view; `hot` of both belong to one key."""

    impressions: int
    hot: float = 0.0

    def __str__(self) -> str:
        return f"{self.impressions:,}" + (f", {self.hot:.0%} on one key" if self.hot else "")


def write(folder: Path, size: Size, seed: int = 1) -> None:
    """Write impressions and views. No two rows of a key are of one time, so that every store has one right answer."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    keys = _keys(rng, size)
    asked = pa.table({QUESTION: np.arange(size.impressions), **keys, AT: _times(rng, size.impressions)})
    pq.write_table(asked, folder / IMPRESSIONS)
    for view, names in KEYS_PER_VIEW.items():
        keys = {name: column for name, column in _keys(rng, size).items() if name in names}
        values = {f: pa.array(rng.random(size.impressions, dtype=np.float32)) for f in FIELDS}
        rows = pa.table({**keys, AT: _times(rng, size.impressions), **values})
        pq.write_table(rows.take(_first_of_each(rows, names)), folder / f"{view}.parquet", row_group_size=500_000)


def _keys(rng: np.random.Generator, size: Size) -> dict[str, pa.Array]:
    """Keys of one width: joined without a separator they are never equal, so that a CONCAT confuses none."""
    numbers = {name: rng.integers(0, max(size.impressions // rows, 10), size.impressions)
               for name, rows in ROWS_A_KEY.items()}  # fmt: skip
    numbers["category"] = rng.integers(0, CATEGORIES, size.impressions)
    is_hot = rng.random(size.impressions) < size.hot
    return {name: _named(name, np.where(is_hot, 0, number)) for name, number in numbers.items()}


def _named(name: str, numbers: NDArray[np.int64]) -> pa.Array:
    names = pa.array([f"{name[0]}{i:07d}" for i in range(int(numbers.max()) + 1)])
    return names.take(pa.array(numbers))


def _times(rng: np.random.Generator, count: int) -> pa.Array:
    micros = rng.integers(0, SPAN // timedelta(microseconds=1), count)
    return pa.array(np.sort(micros) + int(START.timestamp() * 1e6)).cast(MOMENT)


def _first_of_each(rows: pa.Table, keys: tuple[str, ...]) -> NDArray[np.int64]:
    repeated = pd.DataFrame(rows.select([*keys, AT]).to_pandas()).duplicated().to_numpy()
    return np.flatnonzero(~repeated)
