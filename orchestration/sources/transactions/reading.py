"""A plain table of transactions, from CSV or Parquet: who paid whom how much, when, and whether it was fraud."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import csv

from infra.errors import DefinitionError
from validation.contract import unknown

MOMENT = pa.timestamp("us", tz="UTC")
READERS: Mapping[str, Callable[[Path, list[str]], pa.Table]] = {
    ".csv": lambda path, names: csv.read_csv(path, convert_options=csv.ConvertOptions(include_columns=names)),
    ".parquet": lambda path, names: pq.read_table(path, columns=names),
}


@dataclass(frozen=True, slots=True)
class Columns:
    """What the columns are called. The names are those of the handbook's simulated set (Le Borgne et al. 2022)."""

    time: str = "TX_DATETIME"
    customer: str = "CUSTOMER_ID"
    terminal: str = "TERMINAL_ID"
    amount: str = "TX_AMOUNT"
    fraud: str = "TX_FRAUD"
    scenario: str | None = None


@dataclass(frozen=True, slots=True)
class Transactions:
    """Transactions in order of time, aligned: a moment, two ids, an amount, whether it was fraud, and in what way."""

    time: pa.ChunkedArray
    customer: pa.ChunkedArray
    terminal: pa.ChunkedArray
    amount: pa.ChunkedArray
    fraud: pa.ChunkedArray
    scenario: pa.ChunkedArray | None

    @property
    def first(self) -> datetime:
        """The moment of the first one."""
        return pc.min(self.time).as_py()  # type: ignore[no-any-return]

    @property
    def last(self) -> datetime:
        """The moment of the last one."""
        return pc.max(self.time).as_py()  # type: ignore[no-any-return]


def read(path: Path, columns: Columns, since: datetime | None = None, until: datetime | None = None) -> Transactions:
    """The transactions of a file, or of all files of a folder, from `since` on and before `until`.

    Raises DefinitionError for a file that is neither CSV nor Parquet, a column that is not there, or a moment or flag
    that cannot be read. A pickle is refused: to open one is to run what its writer wrote.
    """
    rows = pa.concat_tables([_read_file(file, columns) for file in _files(path)], promote_options="permissive")
    time = _moments(rows[columns.time], columns.time)
    rows = rows.set_column(rows.schema.get_field_index(columns.time), columns.time, time)
    within = pc.and_(
        pc.greater_equal(time, pa.scalar(since or pc.min(time).as_py(), MOMENT)),
        pc.less(time, pa.scalar(until, MOMENT)) if until else pc.is_valid(time),
    )
    rows = rows.filter(within).sort_by(columns.time)
    if not rows.num_rows:
        raise DefinitionError(f"transactions: {path} holds none between {since} and {until}. Give other days.")
    return Transactions(
        rows[columns.time],
        rows[columns.customer].cast(pa.string()),
        rows[columns.terminal].cast(pa.string()),
        rows[columns.amount].cast(pa.float64()),
        _flags(rows[columns.fraud], columns.fraud),
        rows[columns.scenario].cast(pa.string()) if columns.scenario else None,
    )


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise DefinitionError(f"transactions: {path} does not exist. Give a CSV or Parquet file, or a folder of them.")
    files = sorted(file for file in path.iterdir() if not file.name.startswith(".")) if path.is_dir() else [path]
    taken = [file for file in files if file.suffix.lower() in READERS]
    if not taken or (len(taken) < len(files) and not path.is_dir()):
        pickled = any(file.suffix.lower() in (".pkl", ".pickle") for file in files)
        why = " A pickle runs code when it is opened: write it as Parquet where you trust it." if pickled else ""
        raise DefinitionError(f"transactions: {path} holds no CSV or Parquet file.{why}")
    return taken


def _read_file(path: Path, columns: Columns) -> pa.Table:
    names = [name for name in (getattr(columns, field.name) for field in fields(columns)) if name]
    there = _names(path)
    for name in names:
        if name not in there:
            raise DefinitionError(f"transactions: {path.name}: column {unknown(name, there)}")
    try:
        return READERS[path.suffix.lower()](path, list(dict.fromkeys(names)))
    except pa.ArrowInvalid as wrong:
        raise DefinitionError(f"transactions: {path.name} cannot be read: {wrong}") from wrong


def _names(path: Path) -> list[str]:
    try:
        if path.suffix.lower() == ".parquet":
            return list(pq.read_schema(path).names)
        with csv.open_csv(path) as reader:
            return list(reader.schema.names)
    except pa.ArrowInvalid as wrong:
        raise DefinitionError(f"transactions: {path.name} cannot be read: {wrong}") from wrong


def _moments(values: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    """Moments in UTC: timestamps and text as they say, numbers as seconds since the epoch."""
    try:
        if pa.types.is_integer(values.type) or pa.types.is_floating(values.type):
            values = pc.multiply(values.cast(pa.float64()), 1e6).cast(pa.int64(), safe=False)
            values = values.cast(pa.timestamp("us"))
        elif not pa.types.is_timestamp(values.type):
            values = _from_text(values)
        zoned = values.type.tz is not None
        moments = values.cast(MOMENT) if zoned else pc.assume_timezone(values.cast(pa.timestamp("us")), "UTC")
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as wrong:
        raise DefinitionError(f"transactions: column {name} holds no moments: {wrong}") from wrong
    if moments.null_count:
        raise DefinitionError(f"transactions: {moments.null_count:,} rows have no {name}. Mend or remove them.")
    return moments


def _from_text(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Text such as 2026-05-01 10:00:00, or with the zone that it is of behind it."""
    try:
        return values.cast(pa.timestamp("us"))
    except pa.ArrowInvalid:
        return values.cast(MOMENT)


def _flags(values: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    """Whether each row is fraud: true, 1 or text that says so; null where it is not known."""
    try:
        text = pa.types.is_string(values.type) or pa.types.is_large_string(values.type)
        flags = values.cast(pa.bool_()) if text else pc.not_equal(values.cast(pa.float64()), 0.0)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as wrong:
        raise DefinitionError(f"transactions: column {name} says not whether it was fraud (0 or 1): {wrong}") from wrong
    if not pc.any(flags).as_py():
        raise DefinitionError(f"transactions: no row of column {name} is fraud: there is nothing to learn.")
    return flags
