"""Feedback as callers send it: believed for what its token says, refused for anything else, and counted once."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from infra.marks import marks
from serving.definition import Feedback
from serving.limits.rates import Rates
from serving.tokens import Impression, Keys
from tests.serving.caller import Client

Told = dict[str, Any]


@pytest.fixture(scope="module")
def page(client: Client) -> Any:
    """A feed that a user was shown."""
    return client.feed(user_id="reader", preview=False, limit=5)


def event_on(client: Client, page: Any, **changed: Any) -> Told:
    """What a client tells of the first item: its answer's token, and what happened."""
    shown, now = page["items"][0], client.settings.replay_from + timedelta(seconds=1)
    return {
        "token": page["token"],
        "video_id": shown["video_id"],
        "action": "like",
        "event_time": now.isoformat(),
    } | changed


def send(client: Client, *events: Told, role: Any = "events") -> Any:
    return client.send("POST", "/v1/events", role, json={"events": list(events)})


def rows(client: Client) -> list[Told]:
    """The events on disk."""
    files = sorted((client.settings.landing / "engagements").glob("*"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def test_a_token_and_what_happened_are_all_a_client_sends(client: Client, page: Any) -> None:
    answer = send(client, event_on(client, page, action="comment"))
    assert (answer.status_code, answer.json()) == (202, {"accepted": 1})
    row = rows(client)[-1]
    assert (row["user_id"], row["request_id"], row["action"]) == ("reader", page["request_id"], "comment")
    assert len(row["event_id"]) == 32
    assert "token" not in row


def test_what_the_token_says_may_be_said_again(client: Client, page: Any) -> None:
    said = {"user_id": "reader", "request_id": page["request_id"], "action": "share"}
    assert send(client, event_on(client, page, **said)).status_code == 202


def forged(client: Client, page: Any) -> Told:
    forged_keys = Keys({client.online.guard.keys.signing: b"z" * 32}, client.online.guard.keys.signing)
    return event_on(client, page, token=forged_keys.sign(impression(client, page)))


def altered(client: Client, page: Any) -> Told:
    token = page["token"]
    return event_on(client, page, token=token[:40] + ("A" if token[40] != "A" else "B") + token[41:])


def expired(client: Client, page: Any) -> Told:
    old = int(client.settings.replay_from.timestamp()) - 7 * 86_400
    shown = replace(impression(client, page), issued_at=old, expires_at=old + 3600)
    return event_on(client, page, token=client.online.guard.keys.sign(shown))


def impression(client: Client, page: Any) -> Impression:
    now = int(client.settings.replay_from.timestamp())
    return Impression(
        page["request_id"], "reader", marks(item["video_id"] for item in page["items"]), "1", now, now + 60
    )


REFUSED: list[tuple[Callable[[Client, Any], Told], str, str]] = [
    (forged, "token", "forged or altered"),
    (altered, "token", "forged or altered"),
    (expired, "token", "expired at"),
    (lambda c, p: event_on(c, p, token=""), "token", "no token"),
    (lambda c, p: event_on(c, p, token="x" * 17_000), "token", "16384"),
    (lambda c, p: event_on(c, p, user_id="neighbour"), "user_id", "another one"),
    (lambda c, p: event_on(c, p, request_id="1f" * 16), "request_id", "another one"),
    (lambda c, p: event_on(c, p, video_id="v1"), "video_id", "not shown"),
    (lambda c, p: event_on(c, p, action="watch"), "", "watch_has_seconds"),
    (lambda c, p: event_on(c, p, event_id="mine"), "event_id", "leave it out"),
    (lambda c, p: event_on(c, p, event_time="2026-05-03T11:50:00Z"), "event_time", "before the answer"),
    (lambda c, p: event_on(c, p, event_time="2026-05-03T13:50:00Z"), "event_time", "our clock says"),
    (lambda c, p: event_on(c, p, event_time="0001-01-01T00:00:00+14:00"), "event_time", "before the answer"),
    (lambda c, p: event_on(c, p, event_time="9999-12-31T23:59:59-14:00"), "event_time", "our clock says"),
]
NAMES = [
    *("forged", "altered", "expired", "empty", "endless", "another user's", "another answer's", "another item's"),
    *("against a rule of its table", "an id of its own", "before it was shown", "in an hour"),
    *("in the year 0", "in the year 10000"),
]


@pytest.mark.parametrize(("spoil", "field", "rule"), REFUSED, ids=NAMES)
def test_what_is_not_believed_is_refused_by_place_and_rule(
    client: Client, page: Any, spoil: Callable[[Client, Any], Told], field: str, rule: str
) -> None:
    before = rows(client)
    answer = send(client, event_on(client, page, action="follow"), spoil(client, page))
    assert answer.status_code == 422
    assert f"$.events[1].{field}".rstrip(".") in answer.json()["error"]
    assert rule in answer.json()["error"]
    assert rows(client) == before, "nothing is taken of a request that is refused"


def test_what_came_from_no_answer_is_for_servers_to_tell(client: Client, page: Any) -> None:
    own = event_on(client, page, token=None, event_id="e1", user_id="reader")
    refused = send(client, own)
    assert refused.status_code == 403
    assert "`$.events[0]` has no `token`" in refused.json()["error"]
    assert send(client, own, role="ingest").status_code == 202
    for name in ("event_id", "user_id"):
        assert f"nor `{name}`" in send(client, own | {name: None}, role="ingest").json()["error"]


def test_a_preview_gives_no_token(client: Client) -> None:
    assert client.feed()["token"] is None


def test_ranked_candidates_come_with_a_token_too(client: Client) -> None:
    ranked = client.send("POST", "/v1/rank", json={"user_id": "ranked", "video_ids": ["v3", "v40"]}).json()
    assert send(client, event_on(client, ranked)).status_code == 202


def test_one_action_on_one_item_counts_once_however_often_it_is_sent(client: Client) -> None:
    page = client.feed(user_id="insister", preview=False, limit=2)
    again = event_on(client, page, action="watch", watch_seconds=31.0)
    for sent in ([again], [again, again], [again | {"watch_seconds": 900.0}]):
        assert send(client, *sent).json() == {"accepted": len(sent)}
    assert send(client, event_on(client, page, action="hide")).status_code == 202
    of_user = [row for row in rows(client) if row["user_id"] == "insister"]
    assert [(row["action"], row["watch_seconds"]) for row in of_user] == [("watch", 31.0), ("hide", None)]


def test_a_user_who_acts_too_fast_is_told_when_to_come_again(client: Client) -> None:
    policy = client.online.served.policy.service.feedback
    hasty, calm = (client.feed(user_id=user, preview=False, limit=1) for user in ("hasty", "calm"))
    flood = [event_on(client, hasty)] * (policy.at_once - 10)
    assert send(client, *flood).status_code == 202
    refused = send(client, *flood, event_on(client, calm))
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["retry-after"]) <= policy.at_once
    assert send(client, event_on(client, calm)).status_code == 202
    assert "at most 500 at a time" in send(client, *flood, *flood).json()["error"]


def test_a_full_disk_is_no_fault_of_the_caller(client: Client, page: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    before, event = rows(client), event_on(client, page, action="report")
    with monkeypatch.context() as fault:
        fault.setattr(os, "fsync", full)
        answer = send(client, event)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert "send them again" in answer.json()["error"]
    assert rows(client) == before
    assert send(client, event).status_code == 202


def test_rates_fill_again_and_are_shared_by_workers() -> None:
    rates = Rates(Feedback(a_second=4.0, at_once=10), workers=2)
    assert rates.take({"u": 10}, now=0.0) == 0
    assert rates.take({"u": 1}, now=0.0) == 0.5, "half of the four a second are this worker's"
    assert rates.take({"u": 1, "v": 10}, now=0.0) == 0.5
    assert rates.take({"v": 10}, now=0.0) == 0, "a refusal takes from nobody"
    assert rates.take({"u": 1}, now=0.5) == 0
    assert rates.take({"u": 10}, now=100.0) == 0, "and no more than that ever waits for a user"
    assert rates.take({"u": 1}, now=100.0) > 0


def test_only_so_many_users_are_remembered() -> None:
    rates = Rates(Feedback(a_second=1.0, at_once=1), workers=1, users=2)
    for user in ("a", "b", "c"):
        rates.take({user: 1}, now=0.0)
    assert rates.take({"c": 1}, now=0.0) > 0
    assert rates.take({"a": 1}, now=0.0) == 0, "the one that was quiet longest was forgotten"
