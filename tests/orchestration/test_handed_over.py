"""What the service acknowledged is taken: nothing that one client does refuses the events of another."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from infra.settings import Settings
from orchestration.ingestion import ingest_days
from orchestration.system import Installation
from orchestration.systems.home_feed import HOME_FEED
from validation.batches import ledger, quarantine
from validation.systems.home_feed import ENGAGEMENTS

NOON = datetime(2026, 5, 3, 12, tzinfo=UTC)


def event(client: str, number: int, **more: object) -> bytes:
    at = more.pop("at", NOON)
    row = {"event_id": f"{client}{number}", "user_id": client, "video_id": "v", "action": "like"}
    row |= {"event_time": at.isoformat(), "received_at": NOON.isoformat()}
    return json.dumps(row | more).encode() + b"\n"


HONEST = [event("honest", i) for i in range(3)]
RUDE = {
    "sends everything again and again": [event("rude", i % 2) for i in range(40)],
    "sends another thing under the same id": [event("rude", 0, video_id=f"v{i}") for i in range(40)],
    "misspells every action": [event("rude", i, action="lik") for i in range(40)],
    "sends one bad row": [event("rude", 0, action="lik")],
    "sends what happened a month ago": [event("rude", i, at=NOON - timedelta(days=29)) for i in range(40)],
    "sends a column nobody knows": [event("rude", i, colour="red") for i in range(40)],
    "sends what cannot be read": [b'{"event_id": \n'] * 40,
    "has a clock that was never set": [event("rude", i, at=datetime(1970, 1, 1, tzinfo=UTC)) for i in range(40)],
}


@pytest.mark.parametrize("does", RUDE)
def test_one_clients_events_never_refuse_those_of_another(does, tmp_path):
    at = Installation(HOME_FEED, Settings(home=tmp_path, replay_from=NOON + timedelta(hours=1)))
    folder = at.settings.landing / "engagements"
    folder.mkdir(parents=True)
    lines = [*HONEST[:2], *RUDE[does], HONEST[2]]
    for i, part in enumerate((lines[:20], lines[20:])):
        (folder / f"engagements-20260503T10000{i}-77-{i}.jsonl").write_bytes(b"".join(part))
    ingested = ingest_days(at, ENGAGEMENTS, NOON.date(), NOON.date())
    [line] = ingested.lines
    assert not ingested.refused
    assert line.received == len(lines) == line.accepted + line.duplicate + line.quarantined
    taken = at.lake.read("tables/engagements")["event_id"].to_pylist()
    assert {"honest0", "honest1", "honest2"} <= set(taken)
    assert all(row.batch == line.batch for _, row in quarantine.waiting_rows(at.lake, "engagements"))
    assert ledger.balance(at.lake, "engagements")["off"] == 0


def test_a_limit_that_is_broken_is_a_warning_and_repetitions_are_none(tmp_path):
    at = Installation(HOME_FEED, Settings(home=tmp_path, replay_from=NOON + timedelta(hours=1)))
    folder = at.settings.landing / "engagements"
    folder.mkdir(parents=True)
    rude = RUDE["sends everything again and again"] + RUDE["misspells every action"]
    (folder / "engagements-20260503T100000-77-0.jsonl").write_bytes(b"".join([*HONEST, *rude]))
    ingested = ingest_days(at, ENGAGEMENTS, NOON.date(), NOON.date())
    assert [check.rule for check in ingested.lines[0].warnings] == ["max_quarantined"]
    assert "max_quarantined" in ingested.failures_md()


def test_a_file_whose_last_line_has_no_end_loses_no_event_to_the_next(tmp_path):
    at = Installation(HOME_FEED, Settings(home=tmp_path, replay_from=NOON + timedelta(hours=1)))
    folder = at.settings.landing / "engagements"
    folder.mkdir(parents=True)
    for i, line in enumerate(HONEST):
        (folder / f"engagements-20260503T10000{i}-77-{i}.jsonl").write_bytes(line.rstrip(b"\n"))
    [line] = ingest_days(at, ENGAGEMENTS, NOON.date(), NOON.date()).lines
    assert (line.accepted, line.quarantined) == (3, 0)
