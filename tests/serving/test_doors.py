"""Two doors, one rule: what the service takes of an event, ingestion takes of a file, and neither takes more."""

import json
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from infra.lake import Lake
from tests.serving.caller import Client
from validation.batches.intake import delivered_from_jsonl, ingest
from validation.batches.ledger import BatchRefused
from validation.contract import Table
from validation.definition import CLOCK_ERROR, LONGEST_WORD, OLDEST
from validation.systems.home_feed import ENGAGEMENTS

MOMENT = timedelta(seconds=1)
NUMBERS = count()
EDGES: dict[str, tuple[dict[str, Any], timedelta, bool]] = {
    "as usual": ({}, timedelta(0), True),
    "no request": ({"request_id": None}, timedelta(0), True),
    "an empty request, as a CSV writes null": ({"request_id": ""}, timedelta(0), True),
    "an empty user": ({"user_id": ""}, timedelta(0), False),
    "an empty video": ({"video_id": ""}, timedelta(0), False),
    "the longest request": ({"request_id": "r" * LONGEST_WORD}, timedelta(0), True),
    "a longer one": ({"request_id": "r" * (LONGEST_WORD + 1)}, timedelta(0), False),
    "the longest user": ({"user_id": "é" * LONGEST_WORD}, timedelta(0), True),
    "a longer user": ({"user_id": "é" * (LONGEST_WORD + 1)}, timedelta(0), False),
    "a clock a little ahead": ({}, CLOCK_ERROR - MOMENT, True),
    "a clock far ahead": ({}, CLOCK_ERROR + 60 * MOMENT, False),
    "a phone that was offline for weeks": ({}, MOMENT * 60 - OLDEST, True),
    "a clock that was never set": ({}, -OLDEST - 60 * MOMENT, False),
    "a watch without its seconds": ({"watch_seconds": None}, timedelta(0), False),
}


@pytest.mark.parametrize(("changed", "away", "taken"), EDGES.values(), ids=list(EDGES))
def test_an_event_is_taken_by_both_doors_or_by_none(
    client: Client, tmp_path: Path, changed: dict[str, Any], away: timedelta, taken: bool
) -> None:
    now = client.settings.replay_from
    row = {"event_id": f"e{next(NUMBERS)}", "user_id": "u1", "video_id": "v3", "action": "watch", "watch_seconds": 31.5,
           "request_id": "r1", "event_time": (now + away).isoformat(), **changed}  # fmt: skip
    answer = client.send("POST", "/v1/events", "ingest", json={"events": [row]})
    assert (answer.status_code == 202, ingested(Lake(tmp_path), ENGAGEMENTS, row, now)) == (taken, taken), answer.text


def test_what_the_service_lands_ingestion_accepts(client: Client, tmp_path: Path) -> None:
    """Whatever the service answered 202 to in this module, as it lies on disk."""
    files = sorted((client.settings.landing / "engagements").glob("*"))
    content = b"".join(file.read_bytes() for file in files)
    later = client.settings.replay_from + timedelta(hours=1)
    line = ingest(Lake(tmp_path), ENGAGEMENTS, delivered_from_jsonl(ENGAGEMENTS, content), later, "landed")
    assert line.accepted == line.received > 5


def ingested(lake: Lake, table: Table, row: dict[str, Any], now: Any) -> bool:
    """Whether ingestion takes a file of this one row."""
    try:
        return ingest(lake, table, delivered_from_jsonl(table, json.dumps(row).encode()), now, "b").accepted == 1
    except BatchRefused:
        return False
