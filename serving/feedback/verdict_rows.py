"""A reviewer's verdict as a row of the table of verdicts."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from infra.errors import DefinitionError
from serving.case_policy import ServedCases, Verdicts
from serving.deciding import Review
from serving.feedback.attribution import action_id
from validation.contract import Table

Make = Callable[[Review, str, datetime], dict[str, Any]]


def verdict_row(table: Table, served: ServedCases, names: Verdicts) -> Make:
    """Makes rows; raises DefinitionError when a column must have a value that nothing gives.

    A case has one verdict: the row's id is made of the case, so that a second one is a repeated row.
    """
    (own_id,) = table.key
    columns = [c for c in table.columns if c.name != table.received_time and c.derived is None]
    known = {own_id, served.key, names.verdict, names.by_lot, table.event_time, *(c.name for c in served.asked)}
    for column in columns:
        if not column.nullable and column.name not in known:
            raise DefinitionError(
                f"table {table.name}: nothing gives a verdict its `{column.name}`: let it be null, or log it"
            )

    def make(review: Review, verdict: str, at: datetime) -> dict[str, Any]:
        own = {
            own_id: action_id(review.key, table.name, names.verdict),
            served.key: review.key,
            names.verdict: verdict,
            names.by_lot: review.by_lot,
            table.event_time: at,
        }
        given = {column.name: review.given.get(column.name) for column in columns}
        return {**given, **{name: value for name, value in own.items() if name in given}}

    return make
