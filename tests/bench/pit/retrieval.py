"""A timed retrieval: every impression of a folder with the fields of its three views."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from tests.bench.pit.rows import FIELDS, IMPRESSIONS, KEYS_PER_VIEW, QUESTION, TTL
from tests.bench.pit.stores import View, opened


def run(store: str, folder: Path) -> None:
    """Write the answers of a store to `folder/STORE.parquet`, in the order of the questions."""
    views = tuple(View(name, folder / f"{name}.parquet", keys, FIELDS, TTL) for name, keys in KEYS_PER_VIEW.items())
    feast = opened(store, folder, views)
    asked = pq.read_table(folder / IMPRESSIONS).to_pandas()
    wanted = [f"{view.name}:{field}" for view in views for field in view.fields]
    answers = feast.get_historical_features(entity_df=asked, features=wanted, full_feature_names=True).to_arrow()
    pq.write_table(answers, folder / f"{store}.parquet")


def columns() -> list[str]:
    """The names of the answers."""
    return [f"{view}__{field}" for view in KEYS_PER_VIEW for field in FIELDS]


def different(one: Path, other: Path) -> tuple[int, int]:
    """How many rows the second store's file lacks or has twice, and how many answers in common rows differ."""
    left, right = (_read(path) for path in (one, other))
    repeated = right.index.duplicated()
    common = left.index.intersection(right.index[~repeated])
    firsts = right[~repeated].loc[common]
    same = (left.loc[common] == firsts) | (left.loc[common].isna() & firsts.isna())
    return len(left) - len(common) + int(repeated.sum()), int((~same).to_numpy().sum())


def _read(path: Path) -> pd.DataFrame:
    table: pa.Table = pq.read_table(path, columns=[QUESTION, *columns()])
    frame: pd.DataFrame = table.to_pandas()
    return frame.set_index(QUESTION).astype("float32")
