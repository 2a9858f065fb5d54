"""Parquet files of this machine for Spark, which reads some characters of a path as a pattern."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from infra import live_files
from infra.stored_types import must_be_wider

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

PATTERN = re.compile(r"([\\{}\[\]*?])")


def spark_path(path: Path) -> str:
    """The path with these characters escaped."""
    return PATTERN.sub(r"\\\1", str(path.absolute()))


def read_files(spark: "SparkSession", paths: Sequence[Path], schema: pa.Schema) -> "DataFrame":
    """The rows of files, or of folders of files, in these columns; null where a file lacks one.

    Raises DefinitionError for a column that is stored as a type which is not narrower than the one asked for.
    """
    from pyspark.sql.pandas.types import from_arrow_schema

    spark_schema = from_arrow_schema(schema)
    if not paths:
        return spark.createDataFrame([], spark_schema)
    must_be_wider((file for path in paths for file in ([path] if path.is_file() else live_files.below(path))), schema)
    return spark.read.schema(spark_schema).parquet(*map(spark_path, paths))
