"""The service in a home with pseudonyms: callers name persons as they know them, and nothing that is kept does."""

import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import redis as redis_client

from infra.pseudonyms import choose_mode, stored_id
from tests.person_search import files_with
from tests.serving.caller import Client

RAW = "planted-person-17"


@pytest.fixture
def client(world) -> Iterator[Client]:
    world.settings = world.settings.model_copy(update={"pseudonyms": None, "item_capacity": 4096})
    choose_mode(world.settings)
    kept = stored_id(world.settings, RAW)
    world.count("user", [(kept,)], lambda i, name: 7)
    world.release("1")
    world.promote("1")
    with Client(world) as started:
        yield started


def test_a_feed_and_events_by_a_raw_id_are_kept_under_its_pseudonym(client: Client, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    home, now = client.settings.home, client.settings.replay_from + timedelta(seconds=1)
    page = client.feed(user_id=RAW, preview=False, limit=5)
    assert "unknown_user" not in page, "the states that were made of the pseudonym's events are read"
    assert page["served_by"] == "full"
    shown = {"video_id": page["items"][0]["video_id"], "action": "like", "event_time": now.isoformat()}
    own = shown | {"user_id": RAW, "event_id": "own-1"}
    sent = [shown | {"token": page["token"]}, shown | {"token": page["token"], "user_id": RAW, "action": "share"}]
    for role, events in (("events", sent), ("ingest", [own])):
        answer = client.send("POST", "/v1/events", role, json={"events": events})
        assert (answer.status_code, answer.json()) == (202, {"accepted": len(events)})
    ranked = client.send("POST", "/v1/rank", json={"user_id": RAW, "video_ids": ["v3", "v5"]})
    assert ranked.status_code == 200
    assert "unknown_user" not in ranked.json()
    too_many = client.send("POST", "/v1/events", "events", json={"events": [shown | {"token": page["token"]}] * 500})
    assert too_many.status_code == 429
    assert RAW not in too_many.text
    client.online.decisions.stop()
    assert files_with(home, RAW) == []
    assert RAW not in caplog.text
    kept = files_with(client.settings.landing, stored_id(client.settings, RAW))
    assert len(kept) == 2, "impressions and engagements"
    with redis_client.Redis.from_url(client.settings.redis_url) as redis:
        everything = [*redis.scan_iter("*", count=1000)]
        assert everything
        assert not [key for key in everything if RAW.encode() in key + (redis.dump(key) or b"")]


def test_an_event_of_somebody_else_than_its_token_names_is_refused(client: Client, tmp_path: Path) -> None:
    page = client.feed(user_id=RAW, preview=False, limit=5)
    now = client.settings.replay_from + timedelta(seconds=1)
    event = {"video_id": page["items"][0]["video_id"], "action": "like", "event_time": now.isoformat()}
    answer = client.send(
        "POST", "/v1/events", "events", json={"events": [event | {"token": page["token"], "user_id": "somebody"}]}
    )
    assert answer.status_code == 422
    assert "is another one than its token names" in answer.text
