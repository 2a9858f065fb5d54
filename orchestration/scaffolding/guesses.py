"""What a column may be for, guessed by its name and by what it holds."""

from collections.abc import Sequence

from orchestration.scaffolding.looking import ColumnSeen, TableSeen

RECEIVED = ("received", "ingested", "loaded", "inserted", "landed", "synced", "extracted")
TARGETS = ("target", "label", "outcome", "fraud", "is_fraud", "returned", "churn", "churned", "clicked", "click",
           "is_click", "converted", "conversion", "defaulted", "default", "late", "spam", "is_spam", "success", "won",
           "cancelled", "canceled", "bought", "purchased", "accepted", "approved", "failed", "survived")  # fmt: skip
ENDED = ("resolved", "closed", "returned", "delivered", "dropoff", "dropped", "arrival", "arrived", "ended", "end",
         "finished", "completed", "paid", "settled", "solved", "outcome", "label")  # fmt: skip
PEOPLE = ("user", "customer", "client", "buyer", "person", "member", "patient", "passenger", "rider", "visitor",
          "subscriber", "employee", "student", "reporter", "requester")  # fmt: skip
ENTITIES = 5
"""Entities that get counters: each costs a view, and a record in the online store for each of its values."""
REPEATS = 2.0
"""A column names an entity where each value comes so often, on average, or more."""
MOSTLY = 0.99
"""In so many of the rows an end is not before the beginning."""


def two_sided(table: TableSeen) -> list[ColumnSeen]:
    """The columns that say yes or no."""
    return [c for c in table.columns if c.two_sided]


def moments_of(table: TableSeen) -> list[ColumnSeen]:
    """The columns that hold moments."""
    return [c for c in table.columns if c.kind == "moment"]


def likely_target(table: TableSeen) -> ColumnSeen | None:
    """The one column that is called like an outcome, or else the only one of 0 and 1."""
    able = two_sided(table)
    flags = [c for c in able if c.name in TARGETS] or [c for c in able if c.numeric]
    return flags[0] if len(flags) == 1 else None


def possible_targets(table: TableSeen) -> list[str]:
    """The columns that could be predicted."""
    numbers = (c for c in table.columns if c.numeric and not c.two_sided and not c.id_like)
    return [c.name for c in (*two_sided(table), *numbers) if c.distinct > 1]


def likely_event_time(table: TableSeen) -> ColumnSeen | None:
    """The earliest moment of a row; one with a time of day before one without."""
    able = [c for c in moments_of(table) if not has(c.name, (*RECEIVED, *ENDED)) and c.nulls < 1 - MOSTLY]
    return min(able or moments_of(table), key=lambda c: (_by_day(table, c), table.moments(c).mean()), default=None)


def likely_received_time(table: TableSeen, event_time: ColumnSeen) -> ColumnSeen | None:
    """The column that says when a row came."""
    able = (c for c in moments_of(table) if c is not event_time and has(c.name, RECEIVED) and c.nulls == 0)
    return next(able, None)


def likely_label_time(table: TableSeen, event_time: ColumnSeen, received: ColumnSeen | None) -> ColumnSeen | None:
    """A moment that is called an end, and that does not come before the beginning."""
    for column in moments_of(table):
        if column not in (event_time, received) and has(column.name, ENDED):
            behind = (table.moments(column) - table.moments(event_time)).dropna()
            if len(behind) and (behind.dt.total_seconds() >= 0).mean() >= MOSTLY:
                return column
    return None


def likely_key(table: TableSeen, taken: set[str]) -> ColumnSeen | None:
    """The column that names a row: its values are all there and all different."""
    able = [c for c in table.columns if c.unique and c.name not in taken]
    able = [c for c in able if c.kind == "text" or (c.kind == "whole" and c.id_like)]
    own = ("id", table.name, f"{table.name.rstrip('s')}_id")
    return min(able, key=lambda c: (c.name not in own, not c.id_like), default=None)


def likely_entities(table: TableSeen, taken: set[str]) -> tuple[ColumnSeen, ...]:
    """Columns whose values come again: ids first, then words, those with the most of them first."""
    able = [c for c in table.columns if c.name not in taken and c.kind in ("text", "whole") and _repeats(c)]
    named = [c for c in able if c.id_like or c.name in PEOPLE]
    many = [c for c in able if c not in named and c.kind == "text" and not c.words]
    few = [c for c in able if c not in named and c.kind == "text" and c.words]
    return tuple([*named, *many, *few][:ENTITIES])


def likely_person(entities: Sequence[ColumnSeen]) -> ColumnSeen | None:
    """The entity that is a person."""
    return next((c for c in entities if (has(c.name, PEOPLE) and c.id_like) or c.name in PEOPLE), None)


def has(name: str, words: Sequence[str]) -> bool:
    """Whether a name has one of the words, or begins with it."""
    parts = name.split("_")
    return any(word in parts or name.startswith(word) for word in words)


def _repeats(column: ColumnSeen) -> bool:
    return column.distinct > 1 and column.distinct * REPEATS <= column.rows * (1 - column.nulls) and column.nulls < 0.5


def _by_day(table: TableSeen, column: ColumnSeen) -> bool:
    moments = table.moments(column).dropna()
    return bool((moments == moments.dt.normalize()).all())
