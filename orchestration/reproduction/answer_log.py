"""One answer as the decision log has it: rows that were ingested, or that still wait in the landing."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow.dataset as ds

from infra.arrays import Float32s
from infra.errors import DefinitionError
from orchestration.system import Installation
from serving.feedback import FEATURES, POSITION, PROPENSITY, RELEASE, REQUEST, RUNG, SCORE
from validation.contract import Table

HOW = {
    True: "Answers name it (`request_id`); previews and empty answers are not logged. `flywheel rank USER` gives an "
    "answer whose id can be replayed a second later.",
    False: "A case is named by its key; previews are not logged, and what retention removed is not known any more.",
}


@dataclass(frozen=True)
class LoggedAnswer:
    """The rows of one answer, from the top of its page, and where they were read."""

    request: str
    rows: tuple[dict[str, Any], ...]
    place: str

    @property
    def release(self) -> str | None:
        """The version of the release that scored it; None when none did."""
        return self._shared(RELEASE)

    @property
    def rung(self) -> str | None:
        """The rung of the ladder it came from."""
        return self._shared(RUNG)

    @property
    def scores(self) -> Float32s:
        """(rows,) the scores as logged, NaN where none was."""
        return self._numbers(SCORE)

    @property
    def propensities(self) -> Float32s:
        """(rows,) the propensities as logged, NaN where none was."""
        return self._numbers(PROPENSITY)

    def features(self, width: int) -> Float32s:
        """(rows, width) features as served; raises DefinitionError for rows without them, or with another number."""
        logged = [row.get(FEATURES) for row in self.rows]
        if any(values is None or len(values) != width for values in logged):
            lengths = sorted({0 if values is None else len(values) for values in logged})
            raise DefinitionError(
                f"request {self.request}: its rows hold {' or '.join(map(str, lengths))} features, release "
                f"{self.release} reads {width}: the log is not of that release. Replay an answer of another one."
            )
        return np.array([[_number(value) for value in values or ()] for values in logged], dtype=np.float32)

    def _shared(self, column: str) -> str | None:
        values = {row.get(column) for row in self.rows}
        if len(values) > 1:
            raise DefinitionError(
                f"request {self.request}: its rows disagree in `{column}`: {', '.join(sorted(map(str, values)))}. "
                "They are not of one answer; replay another one."
            )
        return next(iter(values))

    def _numbers(self, column: str) -> Float32s:
        return np.array([_number(row.get(column)) for row in self.rows], dtype=np.float32)


def logged_answer(installation: Installation, request: str, day: date | None = None) -> LoggedAnswer:
    """The logged rows of a request; raises DefinitionError when there are none.

    day  the day on which they were received; without it every day is looked through, the newest first
    """
    table = installation.tables[installation.system.task.decisions]
    if REQUEST not in {column.name for column in table.columns}:
        raise DefinitionError(f"{table.name} has no column `{REQUEST}`: {installation.system.name} logs no answers")
    return _logged(installation, table, REQUEST, request, day)


def logged_case(installation: Installation, key: str, day: date | None = None) -> LoggedAnswer:
    """The logged decision about a case, by its key; raises DefinitionError when there is none."""
    table = installation.tables[installation.system.task.decisions]
    return _logged(installation, table, table.key[0], key, day)


def _logged(installation: Installation, table: Table, column: str, request: str, day: date | None) -> LoggedAnswer:
    if not _is_text(request):  # the bytes of a terminal may be none: nothing was logged by such a name
        raise DefinitionError(f"{request!a} is no text: no answer has such a name. {HOW[column == REQUEST]}")
    ingested, waiting = (rows(installation, table, column, request, day) for rows in (_ingested, _waiting))
    for place, rows in (*ingested, *waiting):
        if rows:
            by_key = {tuple(row.get(name) for name in table.key): row for row in reversed(rows)}
            ordered = sorted(by_key.values(), key=lambda row: row.get(POSITION) or 0)
            return LoggedAnswer(request, tuple(ordered), place)
    where = f"of {day} " if day else ""
    raise DefinitionError(
        f"{'request' if column == REQUEST else column} `{request}` is in no row {where}of {table.name}, neither in the "
        f"lake nor in the landing. {HOW[column == REQUEST]}"
    )


Rows = tuple[str, list[dict[str, Any]]]


def _ingested(
    installation: Installation, table: Table, column: str, request: str, day: date | None
) -> Iterator[Rows]:  # fmt: skip
    name = f"tables/{table.name}"
    days = [day] if day else reversed(installation.lake.days(name))
    for one in days:
        rows = installation.lake.read(name, [one], None, ds.field(column) == request, schema=table.schema)
        yield f"{name}, {one}", rows.to_pylist()


def _waiting(
    installation: Installation, table: Table, column: str, request: str, day: date | None
) -> Iterator[Rows]:  # fmt: skip
    """Rows of files that the service has written, or still writes, and ingestion has not yet taken."""
    for path in sorted((installation.settings.landing / table.name).glob("*.jsonl*"), reverse=True):
        rows = [row for row in _lines_with(path, request) if row.get(column) == request]
        yield path.name, [row for row in rows if day is None or str(row[table.received_time]).startswith(str(day))]


def _lines_with(path: Path, request: str) -> Iterator[dict[str, Any]]:
    word = request.encode()
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:  # ingestion has taken it meanwhile
        return
    for line in lines:
        if word in line:
            try:
                yield msgspec.json.decode(line, type=dict[str, Any])
            except msgspec.MsgspecError:  # half a line of a file that is still written
                continue


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)
