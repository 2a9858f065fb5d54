"""What the data gate hears of refused and quarantined rows: what waits still, of the days a model learns from."""

import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from infra.settings import Settings
from orchestration.mending import discard_day
from orchestration.release_inputs import release_inputs
from orchestration.system import Installation
from orchestration.systems.home_feed import HOME_FEED
from training.release import batches_behind
from validation.batches import ledger
from validation.batches.intake import ingest, replay
from validation.batches.ledger import BatchRefused
from validation.files.delivered import delivered_from_jsonl
from validation.gates.evidence import DataFacts, GateEvidence
from validation.gates.release_gates import data_gate
from validation.systems.home_feed import ENGAGEMENTS
from validation.verdict import GateFinding

NOW = datetime(2026, 7, 1, tzinfo=UTC)
YESTERDAY = NOW - timedelta(hours=12)


@pytest.fixture
def at(tmp_path):
    """An installation without anything in it."""
    return Installation(HOME_FEED, Settings(home=tmp_path / "home"))


def rows(count: int, day: datetime = YESTERDAY, bad: int = 0, start: int = 0, **more: object) -> bytes:
    """Clicks of a day, some of them misspelt."""
    moments = {"event_time": (day - timedelta(seconds=5)).isoformat(), "received_at": day.isoformat()}
    events = [
        {"event_id": f"e{start + i}", "user_id": "u", "video_id": "v", "action": "clik" if i < bad else "click"}
        | moments
        | more
        for i in range(count)
    ]
    return b"\n".join(json.dumps(event).encode() for event in events)


def take(at: Installation, content: bytes, arrival: datetime = YESTERDAY) -> None:
    try:
        ingest(at.lake, ENGAGEMENTS, delivered_from_jsonl(ENGAGEMENTS, content), arrival, f"b{hash(content)}")
    except BatchRefused:
        return


def gate_of(at: Installation) -> tuple[int, float, GateFinding]:
    """Refused batches, the share that waits, and what the gate says."""
    batches = batches_behind(release_inputs(at), NOW)
    facts = DataFacts(
        100_000, 5_000, 0.3, batches.refused, batches.quarantined_share, waiting_since=batches.waiting_since
    )
    return batches.refused, batches.quarantined_share, data_gate(GateEvidence((), "x", facts), HOME_FEED.limits)


def test_a_refused_batch_closes_the_gate_until_it_is_mended_and_replayed(at):
    take(at, rows(10, bad=4))
    refused, share, gate = gate_of(at)
    assert (refused, share, gate.passed) == (1, 1.0, False)
    day = YESTERDAY.date()
    assert f"flywheel ingest --replay {day}" in gate.reason
    assert f"flywheel ingest --discard {day}" in gate.reason
    replay(at.lake, ENGAGEMENTS, day, NOW, lambda row: row.raw.replace(b'"clik"', b'"click"'))
    refused, share, gate = gate_of(at)
    assert (refused, share, gate.passed) == (0, 0.0, True)


def test_what_was_wrong_at_the_first_try_and_right_at_the_second_passes(at):
    take(at, rows(10, bad=4))
    take(at, rows(10))
    assert gate_of(at)[:2] == (0, 0.0)
    assert gate_of(at)[2].passed


def test_what_cannot_be_read_waits_until_it_is_discarded_with_a_reason(at):
    take(at, rows(10, bad=2) + b"\n{half a li")
    take(at, rows(10))
    assert gate_of(at)[:2] == (1, pytest.approx(1 / 21))
    [line] = discard_day(at, YESTERDAY.date(), None, "delivered anew")
    assert (line.discarded, line.why, line.outcome) == (11, "delivered anew", "11 discarded")
    assert gate_of(at)[:2] == (0, 0.0)
    assert ledger.balance(at.lake, "engagements")["off"] == 0
    assert len(at.lake.read("discarded/engagements")) == 11


def test_days_before_the_window_count_in_no_case_whenever_they_were_taken_in(at):
    old = NOW - timedelta(days=60)
    take(at, rows(10, old, bad=5), arrival=old)
    take(at, rows(10, old, bad=5, start=100), arrival=NOW)
    take(at, rows(200, start=1000))
    assert gate_of(at)[:2] == (0, 0.0)


def test_files_taken_in_today_about_yesterday_count_for_yesterday(at):
    take(at, rows(100, bad=3), arrival=NOW + timedelta(hours=8))
    assert gate_of(at)[:2] == (0, pytest.approx(0.03))


def test_where_nothing_was_received_nothing_waits(at):
    assert gate_of(at)[:2] == (0, 0.0)


def test_lines_from_before_spans_were_noted_count_by_the_days_of_their_rows(at):
    take(at, rows(100, bad=3))
    [line] = ledger.read_ledger(at.lake)
    [path] = at.lake.files("ledger")
    path.unlink()
    ledger.write(at.lake, msgspec.structs.replace(line, span=None), "old")
    assert gate_of(at)[:2] == (0, pytest.approx(0.03))
