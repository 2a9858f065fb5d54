"""The clean rows of the four tables, as a world makes them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from validation.contract import Table
from validation.systems.home_feed import ENGAGEMENTS, IMPRESSIONS, USERS, VIDEOS


@dataclass(frozen=True, slots=True)
class Events:
    """Rows of the four tables, each in its contract's schema and in order of receipt."""

    videos: pa.Table
    users: pa.Table
    impressions: pa.Table
    engagements: pa.Table

    def __iter__(self) -> Iterator[tuple[Table, pa.Table]]:
        """Each table's definition with its rows, entities first."""
        yield VIDEOS, self.videos
        yield USERS, self.users
        yield IMPRESSIONS, self.impressions
        yield ENGAGEMENTS, self.engagements

    def __add__(self, more: "Events") -> "Events":
        """These rows and then those."""
        return Events(**{table.name: pa.concat_tables([rows, getattr(more, table.name)]) for table, rows in self})


def none() -> Events:
    """No rows at all."""
    return Events(**{t.name: t.schema.empty_table() for t in (VIDEOS, USERS, IMPRESSIONS, ENGAGEMENTS)})


def as_json(rows: pa.Table) -> list[dict[str, Any]]:
    """Rows as JSON-ready values: moments as ISO 8601 text in UTC."""
    moments = [f.name for f in rows.schema if pa.types.is_timestamp(f.type)]
    values: list[dict[str, Any]] = rows.to_pylist()
    for row in values:
        for name in moments:
            if row[name] is not None:
                row[name] = row[name].strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return values
