"""What became of cases: rows of several tables, accepted because a token names the case or the caller may ingest."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from math import ceil
from time import monotonic
from typing import Any

import msgspec

from infra.clock import written
from infra.errors import TokenRefused
from infra.pseudonyms import Pseudonyms
from serving.access import RefusedError, Roles
from serving.case_policy import Decide, ServedCases
from serving.erased import Erased
from serving.feedback.attribution import CLOCK_ERROR_S, OLDEST_S
from serving.feedback.case_rows import plain
from serving.feedback.event_log import Event
from serving.feedback.row_rules import RowRules
from serving.limits import Rates
from serving.tokens import Keys
from validation.contract import EARLIEST, LATEST, Table
from validation.definition import OLDEST
from validation.derived import derive

encode = msgspec.json.Encoder().encode
Row = dict[str, Any]


class _Rows:
    """How rows of one table are checked and written."""

    def __init__(self, table: Table, case: str) -> None:
        self.table, self.rules = table, RowRules(table)
        self.texts = [c.name for c in table.columns if c.nullable and c.dtype == "string"]
        self.moments = [c.name for c in table.columns if c.dtype == "timestamp" and c.name != table.received_time]
        self.names_case = case in {column.name for column in table.columns}

    def id(self, row: Row) -> str:
        """By what a repeated row is known."""
        return "\n".join(str(plain(row[name])) for name in self.table.identity)


class OutcomeRows:
    """Accepts rows for one system: with a token those of its case, others where the caller may ingest."""

    def __init__(self, served: ServedCases, rates: Rates, erased: Erased, ids: Pseudonyms | None = None) -> None:
        self._case, self._limits = served.key, served.policy.feedback
        self._rates, self._erased, self._ids = rates, erased, ids
        self._of = {table.name: _Rows(table, served.key) for table in served.events}
        queue = served.policy.queue if isinstance(served.policy, Decide) else None
        self._judged_in = queue.verdicts.table if queue else None

    def rows(self, sent: Sequence[Any], roles: Roles, keys: Keys, now: float) -> list[tuple[str, Event]]:
        """The table and row of each that is to be landed, none of an erased person.

        Raises RefusedError, naming the place and the rule, when one is not accepted.
        """
        landed, acting = [], Counter[str]()
        for place, event in enumerate(sent):
            at, row = f"$.events[{place}]", msgspec.structs.asdict(event)
            rows, token = self._of[event.__struct_config__.tag], row.pop("token")
            row |= {name: None for name in rows.texts if row[name] == ""}
            if token is not None:
                self._must_be_its_case(rows, row, at, token, keys, now)
                acting[row[self._case]] += 1
            elif "ingest" not in roles:
                raise RefusedError(403, f"`{at}` has no `token`: rows that belong to no answer need the role `ingest`")
            landed += self.checked(rows.table, row, at, now)
        wait_s = self._rates.take(acting, monotonic())
        if wait_s:
            raise RefusedError(429, f"rows of one case come faster than {self._limits.a_second:g} a second: none was "
                               "taken, send them again later", retry_s=min(3600, ceil(wait_s)))  # fmt: skip
        return landed

    def checked(self, table: Table, row: Row, at: str, now: float) -> list[tuple[str, Event]]:
        """A row as it is landed; nothing for one of an erased person."""
        rows, person = self._of[table.name], table.person
        if person and row[person] is not None and self._ids is not None:
            row[person] = self._ids(row[person])
        for name in rows.moments:
            if isinstance(row[name], datetime) and not EARLIEST <= row[name] <= LATEST:
                raise RefusedError(422, f"`{at}.{name}` is {row[name].isoformat()}: a clock is wrong")
        row |= {c.name: derive(c.derived, c.dtype, row) for c in table.columns if c.derived is not None}
        _stamp(table, row, at, now)
        broken = rows.rules.broken(row)
        if broken is not None:
            raise RefusedError(422, f"`{at}` breaks {broken.name}: {broken.why}")
        if person and row[person] in self._erased.people:  # acknowledged, so that no client sends it again
            return []
        return [(table.name, Event(rows.id(row), encode({name: plain(value) for name, value in row.items()})))]

    def _must_be_its_case(self, rows: _Rows, row: Row, at: str, token: str, keys: Keys, now: float) -> None:
        try:
            case = keys.verify(token, now).user
        except TokenRefused as refused:
            raise RefusedError(422, f"`{at}.token`: {refused}") from refused
        if not rows.names_case:
            raise RefusedError(422, f"`{at}`: rows of {rows.table.name} name no case: they need the role `ingest`")
        if rows.table.name == self._judged_in:  # who asked about a case does not judge it
            raise RefusedError(403, f"`{at}`: no token gives a verdict: it needs the role `review`, at /v1/queue")
        if row[self._case] != case:
            raise RefusedError(422, f"`{at}.{self._case}` is another one than its token names")


def _stamp(table: Table, row: Row, at: str, now: float) -> None:
    """Write the times as landing files do; a row a little ahead of our clock is received when it happens."""
    happened = row[table.event_time].timestamp()
    if not now - OLDEST_S <= happened <= now + CLOCK_ERROR_S:
        raise RefusedError(
            422, f"`{at}.{table.event_time}` is {row[table.event_time].isoformat()}, our clock says "
            f"{written(now)}: send rows at most {OLDEST.days} days old and {CLOCK_ERROR_S:.0f} s ahead"
        )  # fmt: skip
    row[table.event_time], row[table.received_time] = written(happened), written(max(now, happened))
