"""The published rows of a view, as Feast's objects describe them, read with Arrow or with Spark in one shape.

That shape: the join keys, `__ts` (event time), `__created` (null where the source has none), then the features under
the names they have in Feast.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from infra import live_files
from infra.errors import Unavailable
from infra.lake import opened, united
from infra.spark_files import read_files

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

TIME, CREATED = "__ts", "__created"
MOMENT = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True)
class ViewRows:
    """Where a view's rows are: `keys` and `features` map Feast's names to the columns there.

    `kinds` are the features' types: rows that were published before a feature was defined are null in it.
    """

    view: str
    source: Any
    keys: Mapping[str, str]
    features: Mapping[str, str]
    time: str
    created: str | None
    ttl: timedelta
    kinds: Mapping[str, pa.DataType] = field(default_factory=dict)

    def local_files(self) -> list[Path] | None:
        """The live Parquet files behind the view, where it is a folder or a file on this machine."""
        path = self.source.path
        if not path or self.source.query or "://" in path or self.source.file_format != "parquet":
            return None
        return [Path(path)] if Path(path).is_file() else live_files.below(Path(path))

    def size(self) -> int | None:
        """The number of rows of the view, where that is cheap to read."""
        files = self.local_files()
        return None if files is None else sum(pq.read_metadata(path).num_rows for path in files)

    def arrow(self, first: datetime | None, last: datetime) -> pa.Table:
        """The rows of [first, last]."""
        return pa.concat_tables(self.parts(first, last))

    def parts(self, first: datetime | None, last: datetime) -> Iterator[pa.Table]:
        """The rows of [first, last] in one or more parts, which are never all in memory."""
        files = self.local_files()
        if not files:
            raise self._nothing()
        columns = {**{k: ds.field(c) for k, c in self.keys.items()}, TIME: ds.field(self.time).cast(MOMENT)}
        columns[CREATED] = ds.field(self.created).cast(MOMENT) if self.created else pa.scalar(None, MOMENT)
        stored = united(files)
        columns |= {name: _column(stored, c, self.kinds.get(name)) for name, c in self.features.items()}
        if not self.created:
            columns.pop(CREATED)
        when = ds.field(self.time) <= pa.scalar(last, MOMENT)
        if first is not None:
            when &= ds.field(self.time) >= pa.scalar(first, MOMENT)
        batches = (
            opened(files, stored)
            .scanner(columns=columns, filter=when, batch_readahead=2, fragment_readahead=1)
            .to_reader()
        )
        no_rows = pa.RecordBatch.from_pylist([], batches.schema)
        for batch in chain([no_rows], batches):
            rows = pa.Table.from_batches([batch])
            missing = pa.nulls(len(rows), MOMENT)
            yield rows if self.created else rows.add_column(len(self.keys) + 1, CREATED, missing)

    def spark(self, spark: "SparkSession", first: datetime | None, last: datetime) -> "DataFrame":
        """The same rows on Spark."""
        from pyspark.sql import functions as F

        rows = self._all(spark)
        when = F.col(self.time) <= F.lit(last)
        if first is not None:
            when &= F.col(self.time) >= F.lit(first)
        created = F.col(self.created) if self.created else F.lit(None)
        return rows.where(when).select(
            *(F.col(c).alias(k) for k, c in self.keys.items()),
            F.col(self.time).cast("timestamp").alias(TIME),
            created.cast("timestamp").alias(CREATED),
            *(F.col(c).alias(name) for name, c in self.features.items()),
        )

    def _all(self, spark: "SparkSession") -> "DataFrame":
        from pyspark.sql import functions as F

        if self.source.table:
            return spark.table(self.source.table)
        if self.source.query:
            return spark.sql(self.source.query)
        files = self.local_files()
        if files is None:
            return spark.read.format(self.source.file_format).load(self.source.path)
        if not files:
            raise self._nothing()
        rows = read_files(spark, files, united(files))
        return rows.withColumns({c: F.lit(None).cast(_spark_type(self.kinds.get(name)))
                                 for name, c in self.features.items() if c not in rows.columns})  # fmt: skip

    def _nothing(self) -> Unavailable:
        return Unavailable(
            f"view {self.view}: no published rows below {self.source.path}. Publish them (`flywheel run features`) or "
            "set FLYWHEEL_HOME to where they are."
        )


def rows_of(view: Any, names: Sequence[str]) -> ViewRows:
    """Where the rows of a Feast view are; `wanted` are Feast names of features."""
    source = view.batch_source
    stored = {name: column for column, name in (source.field_mapping or {}).items()}
    keys = {view.projection.join_key_map.get(c.name, c.name): stored.get(c.name, c.name) for c in view.entity_columns}
    return ViewRows(
        view=view.projection.name_to_use(),
        source=source,
        keys=keys,
        features={name: stored.get(name, name) for name in names},
        time=stored.get(source.timestamp_field, source.timestamp_field),
        created=stored.get(source.created_timestamp_column, source.created_timestamp_column) or None,
        ttl=view.ttl or timedelta(0),
        kinds={f.name: _arrow_type(f.dtype) for f in view.features if f.name in names},
    )


def _column(stored: pa.Schema, name: str, kind: pa.DataType | None) -> ds.Expression:
    return ds.field(name) if name in stored.names else ds.scalar(pa.scalar(None, kind or pa.null()))


def _arrow_type(of: Any) -> pa.DataType:
    from feast.type_map import feast_value_type_to_pa

    return feast_value_type_to_pa(of.to_value_type())


def _spark_type(kind: pa.DataType | None) -> Any:
    from pyspark.sql.pandas.types import from_arrow_type

    return from_arrow_type(kind or pa.null())
