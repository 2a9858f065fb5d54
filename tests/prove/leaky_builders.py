"""Builders of training rows that look ahead, and honest sets spoilt afterwards: the proof has to refuse each."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import timedelta
from types import ModuleType
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd

from feature_repo.folding import contributions, profiles, published_states
from training.rows import AT, Dataset, dataset, dataset_of

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@contextmanager
def states_an_hour_early() -> Iterator[None]:
    """Every state is published an hour before its events were known."""
    from pyspark.sql import functions as sf

    honest = published_states.contributions

    def early(*asked: Any) -> Any:
        midnight = sf.date_trunc("day", "published_at")  # days are published one by one
        return honest(*asked).withColumn("published_at", sf.greatest(sf.col("published_at") - sf.lit(HOUR), midnight))

    with mock.patch.object(published_states, "contributions", early):
        yield


def events_counted_when_they_happened() -> AbstractContextManager[None]:
    """An event counts since it happened, not since it was received."""
    return _received_when_it_happened(contributions, lambda table: not table.versioned)


def descriptions_known_when_they_became_true() -> AbstractContextManager[None]:
    """A description is known since its event time, not since it was received."""
    return _received_when_it_happened(profiles, lambda table: True)


@contextmanager
def _received_when_it_happened(module: ModuleType, affected: Callable[[Any], bool]) -> Iterator[None]:
    """While it lasts, `module` reads rows of the affected tables as received at their event time."""
    honest = module.read_accepted_rows

    def dated(spark: Any, lake: Any, table: Any, days: Any) -> Any:
        rows = honest(spark, lake, table, days)
        return rows.withColumn(table.received_time, rows[table.event_time]) if affected(table) else rows

    with mock.patch.object(module, "read_accepted_rows", dated):
        yield


@contextmanager
def asked_a_day_later() -> Iterator[None]:
    """Features are joined as of a day after the row was shown."""
    honest = dataset._joined

    def later(frame: pd.DataFrame, store: Any, features: Any) -> pd.DataFrame:
        return honest(frame.assign(**{AT: frame[AT] + DAY}), store, features).assign(**{AT: frame[AT]})

    with mock.patch.object(dataset, "_joined", later):
        yield


def encoded_by_all_days(rows: Dataset, target: str, item: str) -> Dataset:
    """One feature becomes the mean of the target over all rows of the item."""
    mean = rows.frame.groupby(item)[target].transform("mean").to_numpy(np.float32)
    return _with_column(rows, mean, np.ones(len(mean), dtype=bool))


def leaking_in_some_rows(rows: Dataset, target: str, item: str) -> Dataset:
    """One feature tells the target in every seventh row."""
    told = rows.frame[target].to_numpy(np.float32)
    return _with_column(rows, told, np.arange(len(told)) % 7 == 0)


def _with_column(rows: Dataset, values: "np.ndarray[Any, Any]", where: "np.ndarray[Any, Any]") -> Dataset:
    matrix = rows.matrix.copy()
    matrix[where, 0] = values[where]
    return replace(dataset_of(rows.frame, matrix, rows.features, rows.lineage, rows.neutral), maturity=rows.maturity)


BUILDERS: dict[str, Callable[[], Any]] = {
    "states an hour early": states_an_hour_early,
    "events counted since they happened": events_counted_when_they_happened,
    "descriptions known since they became true": descriptions_known_when_they_became_true,
    "features asked for a day later": asked_a_day_later,
}
SPOILT: dict[str, Callable[[Dataset, str, str], Dataset]] = {
    "a target encoding over all days": encoded_by_all_days,
    "the target in every seventh row": leaking_in_some_rows,
}
