"""The error for a column whose stored type does not fit the type in its definition; it names the column."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from infra.errors import DefinitionError

WIDER = {
    (pa.int32(), pa.int64()), (pa.int32(), pa.float64()), (pa.float32(), pa.float64()),
}  # fmt: skip
"""Stored type → type of the definition: pairs that every reader converts, also Spark."""


@contextmanager
def naming_the_column(files: Sequence[Path], schema: pa.Schema | None) -> Iterator[None]:
    """While the block reads these files, an error of Arrow becomes a DefinitionError that names the column."""
    try:
        yield
    except pa.ArrowException as error:
        culprit = _culprit(files, schema)
        if culprit is None:
            raise
        raise culprit from error


def must_be_wider(files: Iterable[Path], schema: pa.Schema) -> None:
    """Raises DefinitionError for a column that is stored as another type, and not as a narrower one of its kind."""
    for file in files:
        stored = pq.read_schema(file)
        for field in schema:
            stored_type = stored.field(field.name).type if field.name in stored.names else field.type
            if not _same(stored_type, field.type) and (stored_type, field.type) not in WIDER:
                raise _error(file, field.name, stored_type, field.type, "Spark reads only wider types")


def must_not_overflow(rows: pa.Table | pa.RecordBatch, files: Iterable[Path], schema: pa.Schema | None) -> None:
    """Raises DefinitionError for a stored number beyond 32 bits in a column of 32 bits: Arrow reads it as infinity."""
    for field in schema or ():
        if field.name in rows.schema.names and _has_infinity(rows[field.name]):
            for file in files:
                stored = pq.read_schema(file)
                stored_type = stored.field(field.name).type if field.name in stored.names else field.type
                if not _same(stored_type, field.type) and _has_infinity(_read(file, field.name).cast(field.type)):
                    why = "it holds a number beyond the range of 32 bits"
                    raise _error(file, field.name, stored_type, field.type, why)


def _has_infinity(column: pa.ChunkedArray | pa.Array) -> bool:
    values = pc.list_flatten(column) if pa.types.is_list(column.type) else column
    return pa.types.is_float32(values.type) and bool(pc.any(pc.is_inf(values)).as_py())


def _read(file: Path, column: str) -> pa.ChunkedArray:
    return pq.ParquetFile(file).read(columns=[column]).column(0)


def _culprit(files: Sequence[Path], schema: pa.Schema | None) -> DefinitionError | None:
    """The error for the first column whose type is not that of the schema, or of the files before it."""
    types_before: dict[str, pa.DataType] = {}
    for file in files:
        stored = pq.read_schema(file)
        for field in stored if schema is None else [each for each in schema if each.name in stored.names]:
            stored_type, expected = (
                stored.field(field.name).type,
                field.type if schema else types_before.setdefault(field.name, field.type),
            )
            why = None if _same(stored_type, expected) else _refusal(file, field.name, expected)
            if why:
                return _error(file, field.name, stored_type, expected, why)
    return None


def _refusal(file: Path, column: str, expected: pa.DataType) -> str | None:
    try:
        _read(file, column).cast(expected)
    except pa.ArrowException as error:
        return str(error).splitlines()[0][:200]
    return None


def _same(first: pa.DataType, second: pa.DataType) -> bool:
    if pa.types.is_list(first) and pa.types.is_list(second):
        return _same(first.value_type, second.value_type)
    return bool(first == second or pa.types.is_null(first))


def _error(file: Path, column: str, stored: pa.DataType, expected: pa.DataType, why: str) -> DefinitionError:
    table, day = file.parent.parent.name, file.parent.name
    return DefinitionError(
        f"table {table}, {day}/{file.name}: column `{column}` is stored there as {stored} and is {expected} in the "
        f"definition now: {why}. Define it as {stored} again, or leave it so and add the new one under another name."
    )
