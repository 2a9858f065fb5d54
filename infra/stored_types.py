"""A column whose type in the definition cannot hold what older files of the lake have in it: told by its name."""

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
"""What every reader takes as the other type, Spark among them."""


@contextmanager
def told(files: Sequence[Path], asked: pa.Schema | None) -> Iterator[None]:
    """While the block reads these files: what Arrow cannot make of them is a DefinitionError that names the column."""
    try:
        yield
    except pa.ArrowException as error:
        found = _culprit(files, asked)
        if found is None:
            raise
        raise found from error


def must_be_wider(files: Iterable[Path], asked: pa.Schema) -> None:
    """Raises DefinitionError for a column that is stored as another type, and not as a narrower one of its kind."""
    for file in files:
        stored = pq.read_schema(file)
        for field in asked:
            kind = stored.field(field.name).type if field.name in stored.names else field.type
            if not _same(kind, field.type) and (kind, field.type) not in WIDER:
                raise _error(file, field.name, kind, field.type, "Spark reads only wider types")


def must_not_overflow(rows: pa.Table | pa.RecordBatch, files: Iterable[Path], asked: pa.Schema | None) -> None:
    """Raises DefinitionError for a stored number beyond 32 bits in a column of 32 bits: Arrow reads it as infinity."""
    for field in asked or ():
        if field.name in rows.schema.names and _has_infinity(rows[field.name]):
            for file in files:
                stored = pq.read_schema(file)
                kind = stored.field(field.name).type if field.name in stored.names else field.type
                if not _same(kind, field.type) and _has_infinity(_read(file, field.name).cast(field.type)):
                    raise _error(file, field.name, kind, field.type, "it holds a number beyond the range of 32 bits")


def _has_infinity(column: pa.ChunkedArray | pa.Array) -> bool:
    values = pc.list_flatten(column) if pa.types.is_list(column.type) else column
    return pa.types.is_float32(values.type) and bool(pc.any(pc.is_inf(values)).as_py())


def _read(file: Path, column: str) -> pa.ChunkedArray:
    return pq.ParquetFile(file).read(columns=[column]).column(0)


def _culprit(files: Sequence[Path], asked: pa.Schema | None) -> DefinitionError | None:
    """The first column of a file that is not what is asked, or what the files before it have."""
    seen: dict[str, pa.DataType] = {}
    for file in files:
        stored = pq.read_schema(file)
        for field in stored if asked is None else [each for each in asked if each.name in stored.names]:
            kind, wanted = (
                stored.field(field.name).type,
                field.type if asked else seen.setdefault(field.name, field.type),
            )
            why = None if _same(kind, wanted) else _refusal(file, field.name, wanted)
            if why:
                return _error(file, field.name, kind, wanted, why)
    return None


def _refusal(file: Path, column: str, wanted: pa.DataType) -> str | None:
    try:
        _read(file, column).cast(wanted)
    except pa.ArrowException as error:
        return str(error).splitlines()[0][:200]
    return None


def _same(one: pa.DataType, other: pa.DataType) -> bool:
    if pa.types.is_list(one) and pa.types.is_list(other):
        return _same(one.value_type, other.value_type)
    return bool(one == other or pa.types.is_null(one))


def _error(file: Path, column: str, stored: pa.DataType, asked: pa.DataType, why: str) -> DefinitionError:
    table, day = file.parent.parent.name, file.parent.name
    return DefinitionError(
        f"table {table}, {day}/{file.name}: column `{column}` is stored there as {stored} and is {asked} in the "
        f"definition now: {why}. Define it as {stored} again, or leave it so and add the new one under another name."
    )
