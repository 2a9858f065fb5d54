"""An erased person is answered as an unknown one, and nothing about them is stored."""

import json
from datetime import timedelta
from typing import Any

import redis as redis_client

from infra.tombstones import bury, erasures_beside
from tests.serving.caller import Client
from tests.serving.conftest import NOW, World


def bury_in(caller: Client, *people: str) -> None:
    """Erase people, and let the service look."""
    bury(erasures_beside(caller.settings.lake), people)
    caller.online.erased._read()


def rows(world: World) -> list[dict[str, Any]]:
    """All that the service wrote to its landing."""
    files = (path for path in world.settings.landing.glob("**/*") if path.is_file())
    return [json.loads(line) for path in files for line in path.read_text().splitlines()]


def test_an_erased_person_gets_the_feed_of_an_unknown_one_and_leaves_no_trace(world: World) -> None:
    world.release("1")
    world.promote("1")
    with Client(world) as caller:
        known = caller.feed(user_id="u1", preview=False)
        assert "unknown_user" not in known
        bury_in(caller, "u1", "u77")
        answers = {user: caller.feed(user_id=user, preview=False) for user in ("u1", "u77")}
        for answer in answers.values():
            assert answer["unknown_user"]
            assert answer["served_by"] == "full"
            assert len(answer["items"]) == len(known["items"])
        click = {"action": "click", "event_time": (NOW + timedelta(seconds=1)).isoformat()}
        pages = (known, answers["u77"])
        sent = [click | {"video_id": page["items"][0]["video_id"], "token": page["token"]} for page in pages]
        response = caller.send("POST", "/v1/events", "events", json={"events": sent})
        assert (response.status_code, response.json()) == (202, {"accepted": 2}), "so that no client sends them again"
        other = caller.feed(user_id="u78", preview=False)
    users = [row["user_id"] for row in rows(world)]
    assert users.count("u1") == len(known["items"]), "only what was shown before"
    assert users.count("u77") == 0
    assert users.count("u78") == len(other["items"])
    with redis_client.Redis.from_url(world.settings.redis_url) as redis:
        assert not [key for key in redis.scan_iter() if b"u77" in key]


def test_a_list_of_erased_people_that_cannot_be_read_changes_nothing(world: World) -> None:
    with Client(world, without_redis=True) as caller:
        bury_in(caller, "u1")
        (erasures_beside(world.settings.lake) / "tombstones.json").write_text("{")
        caller.online.erased._read()
        assert "u1" in caller.online.erased.people
