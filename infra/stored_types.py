"""A column whose type in the definition cannot hold what older files of the lake have in it: told by its name."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
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
        pq.ParquetFile(file).read(columns=[column]).column(0).cast(wanted)
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
