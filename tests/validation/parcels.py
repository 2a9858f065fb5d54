"""A table that has nothing to do with the feed, and rows of it: intake has to work from definitions alone."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from validation.contract import Column, Rule, Table
from validation.definition import BatchLimits
from validation.files.delivered import Delivered, delivered_from_lines

NOON = datetime(2026, 5, 3, 12, tzinfo=UTC)
ARRIVAL = NOON + timedelta(days=1)
PARCELS = Table(
    name="parcels",
    row="one parcel handed over at one door",
    owner="tests",
    key=("parcel", "door"),
    event_time="handed_at",
    received_time="known_at",
    columns=(
        Column("parcel", "string", "id of the parcel"),
        Column("door", "string", "where", refers_to="doors"),
        Column("state", "string", "how it looked", one_of=("whole", "torn")),
        Column("weight", "float32", "weight", "kg", low=0, high=30, nullable=True),
        Column("paid", "float32", "paid for it", "€", low=0),
        Column("labels", "strings", "stickers on it", nullable=True),
        Column("handed_at", "timestamp", "when it was handed over"),
        Column("known_at", "timestamp", "when we knew"),
    ),
    rules=(
        Rule("known_after_handed", "known_at >= handed_at", "nothing is known before it happens"),
        Rule("light_is_cheap", "(weight >= 1) | (paid <= 10)", "under a kilo there is one price"),
    ),
    limits=BatchLimits(max_rows=500, max_null=0.5, fresh_within=timedelta(hours=6)),
)
DOORS = Table(
    name="doors",
    row="one door as described",
    owner="tests",
    key=("door",),
    event_time="told_at",
    received_time="known_at",
    versioned=True,
    columns=(
        Column("door", "string", "id of the door"),
        Column("told_at", "timestamp", "when this became true"),
        Column("known_at", "timestamp", "when we knew"),
    ),
)


def parcel(number: int, **changed: object) -> dict[str, object]:
    """A parcel in order; `changed` says what is not."""
    at = NOON + timedelta(seconds=number)
    row = {
        "parcel": f"p{number}", "door": f"d{number % 7}", "state": "whole", "weight": 2.0, "paid": 5.0,
        "labels": ["top"], "handed_at": at.isoformat(), "known_at": (at + timedelta(minutes=1)).isoformat(),
    }  # fmt: skip
    return row | changed


def delivered(rows: Sequence[dict[str, object] | bytes], table: Table = PARCELS) -> Delivered:
    """Rows as a JSONL delivery; bytes stand for a line as it is."""
    lines = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
    return delivered_from_lines(table, lines)
