"""Feast's offline store with a point-in-time join of our own: always one answer for each entity row.

Keys are compared as columns, so that different compound keys are never equal. A row at exactly the time asked for
counts, and so does one that is exactly as old as the view's time to live. Of rows at one time the one created last
counts. Feast's own join on Spark confuses compound keys, and repeats entity rows where the source repeats a row.

Small views in local Parquet are joined in this process with Arrow, large ones on Spark; the answers are the same.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial, reduce
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from feast import OnDemandFeatureView
from feast.infra.offline_stores.contrib.spark_offline_store.spark import (
    SparkOfflineStore,
    SparkOfflineStoreConfig,
    SparkRetrievalJob,
)
from feast.infra.offline_stores.offline_store import RetrievalMetadata
from feast.utils import _get_requested_feature_views_to_features_dict
from pydantic import Field

from feature_repo.definition import KNOWN_AT, known_at_column
from feature_repo.stores.asof_history import by_age, known_at, needed
from feature_repo.stores.asof_join import NOTHING, codes_of, last_known, micros, never_superseded, newest
from feature_repo.stores.asof_spark import join_on_spark, newest_on_spark
from feature_repo.stores.checkout import repository_settings
from feature_repo.stores.entity_rows import ROW, Questions, ask
from feature_repo.stores.view_rows import MOMENT, TIME, ViewRows, rows_of
from infra.settings import Settings
from infra.spark import session

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


class AsofOfflineStoreConfig(SparkOfflineStoreConfig):  # type: ignore[misc]
    """`join` chooses where points in time are joined: in this process, on Spark, or by size."""

    type: Literal["feature_repo.stores.asof_offline_store.AsofOfflineStore"] = (
        "feature_repo.stores.asof_offline_store.AsofOfflineStore"
    )
    join: Literal["auto", "arrow", "spark"] = "auto"
    rows_in_process: int = 5_000_000
    settings: Settings = Field(default_factory=repository_settings)

    def in_process(self, rows: ViewRows) -> bool:
        """Whether a view is read and joined in this process."""
        size = rows.size() if self.join != "spark" else None
        return size is not None and (self.join == "arrow" or size <= self.rows_in_process)


class AsofJob(SparkRetrievalJob):  # type: ignore[misc]
    """A retrieval: its questions, and each view's answers, computed when they are read."""

    def __init__(self, spark: "SparkSession | None", config: Any, questions: Questions, views: Sequence[ViewRows],
                 full_feature_names: bool, by_created: bool, **described: Any) -> None:  # fmt: skip
        super().__init__(spark, "", full_feature_names, config, **described)
        self._questions, self._views, self._by_created = questions, views, by_created

    def to_spark_df(self) -> "DataFrame":
        """The answers as a Spark frame."""
        answered: DataFrame = session(self._config.offline_store.settings).createDataFrame(self._to_arrow_internal())
        return answered

    def _to_df_internal(self, timeout: int | None = None) -> pd.DataFrame:
        answered: pd.DataFrame = self._to_arrow_internal(timeout).to_pandas()
        return answered

    def with_moments(self) -> pa.Table:
        """The answers, and after each view's features `view__known_at`: since when the row that answered was known."""
        return reduce(partial(self._answered, moments=True), self._views, self._asked())

    def _to_arrow_internal(self, timeout: int | None = None) -> pa.Table:
        return reduce(self._answered, self._views, self._asked())

    def _asked(self) -> pa.Table:
        return self._questions.table.drop_columns([ROW])

    def _answered(self, table: pa.Table, rows: ViewRows, moments: bool = False) -> pa.Table:
        answers = answer(self._config.offline_store, self._questions, rows, self._by_created)
        for name in rows.features:
            table = table.append_column(f"{rows.view}__{name}" if self.full_feature_names else name, answers[name])
        return table.append_column(known_at_column(rows.view), answers[KNOWN_AT]) if moments else table


def answer(config: AsofOfflineStoreConfig, questions: Questions, rows: ViewRows, by_created: bool) -> pa.Table:
    """A view's features for each question, in the questions' order, null where nothing was known or it was too old.

    `known_at` is the moment of the row that answered: its event time, or its creation where that is later.
    """
    first = questions.first - rows.ttl if rows.ttl else None
    questions_of_view = questions.narrow(list(rows.keys))
    if config.in_process(rows):
        asked_from = int(micros(questions_of_view[TIME]).min())
        rows_needed = needed(rows.parts(first, questions.last), rows, asked_from, by_created)
        return join_in_process(questions_of_view, rows_needed, rows, by_created)
    spark = session(config.settings)
    return join_on_spark(spark, questions_of_view, rows.spark(spark, first, questions.last), rows, by_created, ROW)


def join_in_process(questions: pa.Table, stored: pa.Table, rows: ViewRows, by_created: bool) -> pa.Table:
    """The join with Arrow and numpy."""
    keys = list(rows.keys)
    for key in keys:
        place = questions.column_names.index(key)
        questions = questions.set_column(place, key, _as(questions[key], stored.schema.field(key).type))
    codes, asked_codes = codes_of(stored, questions, keys=keys)
    order, times, at = by_age(stored, rows), micros(stored[TIME]), known_at(stored, by_created)
    usable = (codes != NOTHING) & (never_superseded(codes, at, order) if by_created else True)
    rows_of_usable = np.flatnonzero(usable)
    last = last_known(codes[usable], at[usable], order[usable], asked_codes, micros(questions[TIME]))
    answers = np.where(last == NOTHING, NOTHING, rows_of_usable[last] if len(rows_of_usable) else NOTHING)
    if rows.ttl:
        oldest = micros(questions[TIME]) - rows.ttl // timedelta(microseconds=1)
        fresh = times[answers] >= oldest if len(times) else False
        answers = np.where(fresh, answers, NOTHING)
    columns = stored.select(list(rows.features)).append_column(KNOWN_AT, pa.array(known_at(stored, True)).cast(MOMENT))
    return columns.take(pa.array(answers, mask=answers == NOTHING))


def latest(config: AsofOfflineStoreConfig, rows: ViewRows, first: datetime, last: datetime) -> pa.Table:
    """The newest row of each entity in [first, last]; rows with a null key are left out."""
    if not config.in_process(rows):
        return newest_on_spark(rows.spark(session(config.settings), first, last), rows)
    stored = rows.arrow(first, last)
    (codes,) = codes_of(stored, keys=list(rows.keys))
    return stored.take(newest(codes, by_age(stored, rows)))


class AsofOfflineStore(SparkOfflineStore):  # type: ignore[misc]
    """The offline store that feature_store.yaml names."""

    supports_filter_by_created_timestamp = True

    @staticmethod
    def validate_data_source(config: Any, data_source: Any) -> None:
        """Checks nothing: definitions can be applied before anything is published."""

    @staticmethod
    def get_historical_features(
        config: Any, feature_views: list[Any], feature_refs: list[str], entity_df: Any, registry: Any, project: str,
        full_feature_names: bool = False, filter_by_created_timestamp: bool = False, **kwargs: Any,
    ) -> Any:  # fmt: skip
        """The features of each entity row as they were known at its time."""
        if entity_df is None:
            session(config.offline_store.settings)
            return SparkOfflineStore.get_historical_features(
                config, feature_views, feature_refs, None, registry, project, full_feature_names,
                filter_by_created_timestamp, **kwargs,
            )  # fmt: skip
        questions = ask(entity_df, config.offline_store.settings)
        on_demand = OnDemandFeatureView.get_requested_odfvs(feature_refs, project, registry)
        wanted, _ = _get_requested_feature_views_to_features_dict(feature_refs, feature_views, on_demand)
        keys = [c for c in questions.table.column_names if c not in {ROW, questions.time}]
        described = RetrievalMetadata(feature_refs, keys, questions.first, questions.last)
        views = [rows_of(view, names) for view, names in wanted.items()]
        return AsofJob(None, config, questions, views, full_feature_names, filter_by_created_timestamp,
                       on_demand_feature_views=on_demand, metadata=described)  # fmt: skip


def _as(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    """A column of keys in the type of the rows; a value that cannot be cast becomes null and finds no row."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    try:
        return column.cast(kind)
    except pa.ArrowInvalid:
        if not pa.types.is_integer(kind):
            raise
        is_integer = pc.match_substring_regex(column.cast(pa.string()), r"^-?\d{1,18}$")
        return pc.if_else(is_integer, column, None).cast(kind)
