"""Plain files as deliveries: which column of the files becomes which of a table, and from when on a row was known."""

import hashlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.errors import DefinitionError, FlywheelError
from orchestration.scaffolding.texts import text_parts
from orchestration.sources.mapping import Field, MappedSource, Time, moment
from validation.contract import Table

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Moment:
    """A column of moments, `plus` so much later. `unit` is that of numbers since 1970, `form` as Python's strptime."""

    of: str
    plus: timedelta = timedelta(0)
    unit: str | None = None
    form: str | None = None
    zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Number:
    """A column of numbers that are written with another decimal sign than a point."""

    of: str
    decimal: str


@dataclass(frozen=True, slots=True)
class Digest:
    """A name for a row, made of what it says in these columns: equal rows have equal names."""

    of: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Constant:
    """The same for every row."""

    value: str


How = str | Moment | Number | Digest | Constant


@dataclass(frozen=True, slots=True)
class PlainFiles:
    """The files that rows of a table come from: `files` are patterns below a folder, `columns` says what becomes what.

    A name alone is a column of the files, taken as it is; `a.b` is a field of the objects in column `a`. A row without
    a value in one of `needs`, or with a moment there that is still to come, is left out: it is not known yet.
    """

    table: Table
    files: tuple[str, ...]
    columns: Mapping[str, How]
    needs: tuple[str, ...] = ()
    delimiter: str = ","
    encoding: str = "utf-8"
    header: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Delivered:
    """What was written of a table: rows, and rows that were left out because they are not known yet."""

    table: str
    rows: int
    left_out: int


def deliver(sources: Sequence[PlainFiles], folder: Path, into: Path, now: datetime) -> list[Delivered]:
    """Write what the files of a folder hold as deliveries, CSV that `flywheel ingest` reads by the tables' types."""
    delivered = []
    for source in sources:
        target = into / source.table.name
        target.mkdir(parents=True, exist_ok=True)
        for old in target.glob(f"{source.table.name}-*.csv"):
            old.unlink()
        rows = left_out = 0
        for number, part in enumerate(text_parts(_paths(source, folder), _source(source), _reads(source))):
            frame = _rows(source, part)
            known = _known(source, frame, now)
            rows, left_out = rows + int(known.sum()), left_out + int((~known).sum())
            if known.any():
                _as_text(frame[known]).to_csv(
                    target / f"{source.table.name}-{number:06d}.csv", index=False, lineterminator="\n"
                )
        delivered.append(Delivered(source.table.name, rows, left_out))
    return delivered


def deliver_command(sources: Sequence[PlainFiles], into: str) -> None:
    """`python -m NAME.events FOLDER [INTO]`: deliver, and say what was written."""
    if not 2 <= len(sys.argv) <= 3:
        raise SystemExit("Name the folder with your files, and where the deliveries go if not into " + into)
    target = Path(sys.argv[2] if len(sys.argv) == 3 else into)
    try:
        for each in deliver(sources, Path(sys.argv[1]), target, datetime.now(UTC)):
            waiting = f", {each.left_out:,} are not known yet and were left out" if each.left_out else ""
            print(f"{target / each.table}: {each.rows:,} rows{waiting}")
    except FlywheelError as error:
        raise SystemExit(f"{error}") from error


def _paths(source: PlainFiles, folder: Path) -> list[Path]:
    root = folder.parent if folder.is_file() else folder
    paths = sorted({path for pattern in source.files for path in root.glob(pattern) if path.is_file()})
    if not paths:
        raise DefinitionError(
            f"{folder} holds no file {' or '.join(source.files)}, from which {source.table.name} comes."
        )
    return paths


def _source(source: PlainFiles) -> MappedSource:
    return MappedSource("", delimiter=source.delimiter, encoding=source.encoding, columns=source.header)


def _reads(source: PlainFiles) -> list[str]:
    return list(dict.fromkeys(name for how in source.columns.values() for name in _read_by(how)))


def _read_by(how: How) -> Iterator[str]:
    match how:
        case Moment(of=name) | Number(of=name):
            yield name
        case Digest(of=names):
            yield from names
        case str():
            yield how


def _rows(source: PlainFiles, part: "pd.DataFrame") -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame({name: _value_of(how, part) for name, how in source.columns.items()}, index=part.index)


def _value_of(how: How, part: "pd.DataFrame") -> "pd.Series[Any]":
    import pandas as pd

    match how:
        case str():
            return part[how]
        case Number(of=name, decimal=sign):
            return part[name].str.replace(sign, ".")
        case Constant(value=value):
            return pd.Series(value, index=part.index, dtype=object)
        case Digest(of=names):
            texts = part[list(names)].fillna("").agg("\x1f".join, axis=1)
            return texts.map(lambda text: hashlib.blake2b(text.encode(), digest_size=12).hexdigest())
        case Moment():
            field = Field(column=how.of, unit=how.unit, format=how.form)  # type: ignore[arg-type]
            return moment(part[how.of], field, Time(zone=how.zone), how.of) + pd.Timedelta(how.plus)


def _known(source: PlainFiles, frame: "pd.DataFrame", now: datetime) -> "pd.Series[bool]":
    import pandas as pd

    known = pd.Series(True, index=frame.index)
    for name in source.needs:
        known &= frame[name].notna()
        if isinstance(source.columns[name], Moment):
            known &= frame[name] <= pd.Timestamp(now)
    return known


def _as_text(frame: "pd.DataFrame") -> "pd.DataFrame":
    import pandas as pd

    moments = [str(name) for name in frame if isinstance(frame[name].dtype, pd.DatetimeTZDtype)]
    return frame.assign(**{name: frame[name].dt.strftime("%Y-%m-%dT%H:%M:%S.%fZ") for name in moments})
