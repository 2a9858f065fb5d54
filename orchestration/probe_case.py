"""A case without a meaning, with a value in every column that a request must give: to see whether a service decides."""

from datetime import UTC, datetime
from typing import Any

from serving.case_policy import CasePolicy, asked_of
from validation.contract import Column, Table

WORD = "probe"


def probe_case(table: Table, policy: CasePolicy) -> dict[str, Any]:
    """The request, by column."""
    return {column.name: _value(column) for column in asked_of(table, policy) if not column.nullable}


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
