"""A world's rows arrive as landing files: late, twice and broken as often as the scale says."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from infra.lake import Lake
from orchestration.sources.landing import Delivery
from orchestration.sources.simulator import TINY, Events, World, deliver
from orchestration.sources.simulator.breakage import (
    before_event,
    keyless,
    line_of,
    out_of_range,
    torn,
    unknown_word,
    wrong_type,
)
from validation.batches.intake import ingest
from validation.contract import Table
from validation.systems.home_feed import ENGAGEMENTS, TABLES

SCALE = replace(TINY, days=2, impressions=20_000, users=400, late=0.06)


@pytest.fixture(scope="module")
def events() -> Events:
    return World.make(SCALE).history()


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def rows_in(folder: Path) -> int:
    lines = sum(path.read_bytes().count(b"\n") for path in folder.glob("*.jsonl"))
    return lines + sum(pq.read_metadata(path).num_rows for path in folder.glob("*.parquet"))


def test_the_same_seed_delivers_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        deliver(World.make(TINY).history(), TINY, tmp_path / name)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_what_was_handed_over_is_what_lies_there(events: Events, tmp_path: Path) -> None:
    handed = deliver(events, SCALE, tmp_path)
    for table, rows in events:
        facts = handed[table.name]
        assert facts.received == facts.clean + facts.duplicate + facts.broken == rows_in(tmp_path / table.name)
        assert facts.files == len(contents(tmp_path / table.name))
        assert facts.clean + (0 if table.versioned else facts.broken) <= rows.num_rows


@pytest.mark.parametrize("table", ["impressions", "engagements"])
def test_faults_come_as_often_as_the_scale_says(table: str, events: Events, tmp_path: Path) -> None:
    handed = deliver(events, SCALE, tmp_path, until=SCALE.end + timedelta(days=5))[table]
    assert handed.broken / handed.received == pytest.approx(SCALE.broken, rel=0.15)
    assert handed.duplicate / handed.received == pytest.approx(SCALE.duplicate, rel=0.15)


def test_some_engagements_come_hours_late(events: Events, tmp_path: Path) -> None:
    assert 0.01 < deliver(events, SCALE, tmp_path)["engagements"].late / events.engagements.num_rows < SCALE.late


def test_a_file_holds_one_day_of_receipt_and_nothing_yet_to_come(events: Events, tmp_path: Path) -> None:
    deliver(events, SCALE, tmp_path)
    for path in (tmp_path / "engagements").glob("*.parquet"):
        received = pq.read_table(path)["received_at"].to_pandas()
        assert {moment.date().isoformat() for moment in received} == {path.stem}
        assert received.max() < SCALE.end


def test_the_next_window_brings_what_was_under_way_and_nothing_again(events: Events, tmp_path: Path) -> None:
    first = deliver(events, SCALE, tmp_path / "first")["engagements"]
    later = deliver(events, SCALE, tmp_path / "later", SCALE.end, SCALE.end + timedelta(days=5))["engagements"]
    assert later.clean > 0
    assert first.clean + first.broken + later.clean + later.broken == events.engagements.num_rows


def test_every_file_passes_intake_and_the_ledger_agrees(events: Events, tmp_path: Path) -> None:
    handed, lake = deliver(events, SCALE, tmp_path / "landing"), Lake(tmp_path / "lake")
    for table in TABLES:
        total = [0, 0, 0, 0]
        for path in sorted((tmp_path / "landing" / table.name).iterdir()):
            batch, delivered = Delivery(table, path).read()
            arrived = datetime.fromisoformat(path.stem).replace(tzinfo=UTC) + timedelta(days=1)
            ledger = ingest(lake, table, delivered, arrived, batch)
            counts = (ledger.received, ledger.accepted, ledger.duplicate, ledger.quarantined)
            total = [a + b for a, b in zip(total, counts, strict=True)]
        facts = handed[table.name]
        assert total == [facts.received, facts.clean, facts.duplicate, facts.broken], table.name


ROW: dict[str, Any] = {
    "event_id": "e",
    "request_id": "r",
    "user_id": "u",
    "video_id": "v",
    "action": "watch",
    "watch_seconds": 3.0,
    "long_view": None,
    "event_time": "2026-03-02T10:00:00.000000Z",
    "received_at": "2026-03-02T10:00:05.000000Z",
}


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        (wrong_type, {"watch_seconds": "a while"}),
        (before_event, {"received_at": "2026-03-02T09:00:00.000000Z"}),
        (unknown_word, {"action": "superlike"}),
        (out_of_range, {"watch_seconds": -5}),
    ],
    ids=lambda case: getattr(case, "__name__", ""),
)
def test_a_broken_row_breaks_one_promise(kind: Callable[[Table, Any], bytes], wrong: dict[str, Any]) -> None:
    assert json.loads(kind(ENGAGEMENTS, ROW)) == ROW | wrong


def test_some_rows_lose_their_key_and_some_cannot_be_read() -> None:
    assert "event_id" not in json.loads(keyless(ENGAGEMENTS, ROW))
    assert line_of(ROW).startswith(torn(ENGAGEMENTS, ROW))
    with pytest.raises(json.JSONDecodeError):
        json.loads(torn(ENGAGEMENTS, ROW))
