"""A case without a meaning, with a value in every column that a request must give: to see whether a service decides."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from serving.case_policy import CasePolicy, Decide, Say, asked_of
from validation.contract import Column, Table

if TYPE_CHECKING:
    from orchestration.system import System

WORD = "probe"


def probe_case(table: Table, policy: CasePolicy) -> dict[str, Any]:
    """The request, by column."""
    return {column.name: _value(column) for column in asked_of(table, policy) if not column.nullable}


def probe_of(system: "System") -> dict[str, Any]:
    """The request to a system that decides cases, as a preview: it leaves no trace."""
    table = next(table for table in system.tables if table.name == system.task.decisions)
    assert isinstance(system.policy, Decide | Say)
    return {**probe_case(table, system.policy), "preview": True}


def _value(column: Column) -> Any:
    if column.one_of:
        return column.one_of[0]
    low = 0 if column.low is None else column.low
    of_kind = {
        "string": WORD[: column.longest],
        "bool": False,
        "timestamp": datetime.now(UTC).isoformat(),
        "strings": [],
        "floats": [],
    }
    return of_kind.get(column.dtype, max(low, 0) if column.high is None else min(max(low, 0), column.high))
