"""What callers get from the app, without a server around it."""

import json
from datetime import timedelta
from typing import Any

import pytest

from serving.api.public_reason import for_callers
from tests.serving.caller import Client


def ids(answer: Any) -> list[str]:
    return [item["video_id"] for item in answer["items"]]


def test_a_feed_is_ranked_and_says_where_it_comes_from(client: Client) -> None:
    answer = client.feed(limit=10)
    assert answer["served_by"] == "full"
    assert answer["reason"] is None
    assert answer["release"] == "1"
    assert answer["variant"] == "champion"
    assert len(answer["request_id"]) == 32
    assert [item["position"] for item in answer["items"]] == list(range(1, 11))
    assert ids(answer)[0] in {"v0", "v3"}


def test_what_may_not_be_shown_is_not_shown(client: Client) -> None:
    everything = {item for _ in range(3) for item in ids(client.feed(limit=20, user_id="u2", preview=False))}
    assert len(everything) == 58
    assert not everything & {"v1", "v2"}


def test_a_feed_does_not_repeat_itself(client: Client) -> None:
    first, second = (client.feed(limit=20, user_id="u3", preview=False) for _ in range(2))
    assert not set(ids(first)) & set(ids(second))


def test_a_preview_is_neither_remembered_nor_logged(client: Client) -> None:
    assert ids(client.feed()) == ids(client.feed())


def test_a_page_holds_new_videos_and_few_of_one_creator(client: Client) -> None:
    page = ids(client.feed(limit=20))
    born_today = {f"v{i}" for i in range(54, 60)}
    assert len(born_today & set(page)) >= 2
    creators = [int(item[1:]) % 20 for item in page]
    assert max(creators.count(c) for c in creators) <= 2


def test_why_names_the_features_that_count(client: Client) -> None:
    top = client.feed(explain=True, limit=5)["items"][0]["why"]
    assert top[0]["feature"] == "video_long_view_1d"
    assert top[0]["contribution"] > 0
    assert "why" not in client.feed(limit=5)["items"][0]


def test_an_unknown_user_gets_a_full_feed(client: Client) -> None:
    for _ in range(2):  # what was shown to a wrong id makes nobody known
        answer = client.feed(user_id="nobody", context={"device": "tv", "region": "DE"})
        assert (answer["served_by"], answer["unknown_user"]) == ("full", True)
    assert "unknown_user" not in client.feed()


def test_a_region_given_in_the_request_decides_what_may_be_shown(client: Client) -> None:
    german = client.send("POST", "/v1/rank", json={"user_id": "u1", "video_ids": ["v2"], "context": {"region": "DE"}})
    assert ids(german.json()) == ["v2"]


def test_a_callers_own_candidates_are_ranked(client: Client) -> None:
    named = ["v40", "v3", "v1", "v2", "nonsense", "v3"]
    answer = client.send("POST", "/v1/rank", json={"user_id": "u1", "video_ids": named}).json()
    assert ids(answer) == ["v3", "v40"]
    assert answer["left_out"] == ["v1", "v2", "nonsense"]
    assert answer["served_by"] == "full"


def body(content: bytes) -> Any:
    return {"content": content, "headers": {"content-type": "application/json"}}


WRONG = [
    ("no body", 400, {"content": b"", "headers": {"content-type": "application/json"}}),
    ("not JSON", 400, {"content": b"{", "headers": {"content-type": "application/json"}}),
    ("no user", 422, {"json": {}}),
    ("a number as user", 422, {"json": {"user_id": 3}}),
    ("an empty user", 422, {"json": {"user_id": ""}}),
    ("a long user", 422, {"json": {"user_id": "u" * 1000}}),
    ("a misspelt field", 422, {"json": {"user_id": "u1", "limits": 3}}),
    ("too many", 422, {"json": {"user_id": "u1", "limit": 100_000}}),
    ("an unknown device", 422, {"json": {"user_id": "u1", "context": {"device": "toaster"}}}),
    ("a pickle", 415, {"content": b"\x80\x04.", "headers": {"content-type": "application/vnd.bentoml+pickle"}}),
    ("a form", 415, {"data": {"user_id": "u1"}}),
    ("no UTF-8", 400, body(b'{"user_id": "\xff\xfe"}')),
    ("another UTF", 400, body('{"user_id": "u1"}'.encode("utf-16"))),
    ("half a character", 400, body(b'{"user_id": "\\ud800"}')),
    ("no number", 400, body(b'{"user_id": "u1", "limit": NaN}')),
    ("a number without end", 422, body(b'{"user_id": "u1", "limit": 1e999}')),
    ("a number of 100,000 digits", 422, body(b'{"user_id": "u1", "limit": ' + b"9" * 100_000 + b"}")),
    ("a true limit", 422, body(b'{"user_id": "u1", "limit": true}')),
    ("a deep well", 422, body(b"[" * 500_000)),
    ("a deep well in a field", 422, body(b'{"user_id": ' + b'{"a":' * 100_000)),
    ("a second message behind the first", 400, body(b'{"user_id": "u1"}{"user_id": "u2"}')),
    ("a long word", 422, {"json": {"user_id": "u1", "context": {"device": "x" * 900_000}}}),
    ("a flood", 413, {"content": b" " * 2_000_000, "headers": {"content-type": "application/json"}}),
]


@pytest.mark.parametrize(("why", "status", "sent"), WRONG, ids=[why for why, *_ in WRONG])
def test_what_is_wrong_with_a_request_is_said_clearly(client: Client, why: str, status: int, sent: Any) -> None:
    answer = client.send("POST", "/v1/feed", **sent)
    assert answer.status_code == status
    assert len(answer.json()["error"]) > 10
    assert len(answer.text) < 1000
    assert "Traceback" not in answer.text


def test_of_a_field_said_twice_the_last_counts(client: Client) -> None:
    said = body(b'{"user_id": "u1", "limit": 3, "preview": true, "limit": 2}')
    assert len(client.send("POST", "/v1/feed", **said).json()["items"]) == 2


def test_what_the_ranker_weighs_is_told_to_operators_only(client: Client) -> None:
    asked = {"json": {"user_id": "u1", "preview": True, "explain": True}}
    refused = client.send("POST", "/v1/feed", "rank", **asked)
    assert (refused.status_code, "`operate`" in refused.json()["error"]) == (403, True)
    plain = client.send("POST", "/v1/feed", "rank", json={"user_id": "u1", "preview": True}).json()
    assert {name for item in plain["items"] for name in item} == {"video_id", "position"}


@pytest.mark.parametrize("path", ["/v1/feed", "/v1/rank", "/v1/events", "/metrics", "/docs", "/openapi.json", "/"])
def test_nobody_is_answered_without_a_token(client: Client, path: str) -> None:
    method = "POST" if path.startswith("/v1/") else "GET"
    answer = client.send(method, path, None, headers={"content-type": "application/json"})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


HIDDEN = [
    ("the registry at /var/lib/flywheel/releases/home_feed names no champion", "the registry at … names no champion"),
    ("redis: [Errno 111] Connect call failed ('10.0.0.7', 6379)", "redis: [Errno 111] Connect call failed ('…)"),
    ("redis: Error 8 connecting to redis://:secret@cache:6379/0", "redis: Error 8 connecting to …"),
    ("release 3 was refused: bad tree\nStack trace:\n  [1] x.so", "release 3 was refused: bad tree"),
    ("x" * 5000, "x" * 200),
    ("", ""),
]


@pytest.mark.parametrize(("why", "said"), HIDDEN)
def test_a_reason_tells_no_path_address_or_trace(why: str, said: str) -> None:
    assert for_callers(why) == said


def event(now: Any, **changed: Any) -> dict[str, Any]:
    return {
        "event_id": "e1", "user_id": "u1", "video_id": "v3", "action": "watch", "watch_seconds": 31.5,
        "event_time": now.isoformat(), **changed,
    }  # fmt: skip


def test_an_acknowledged_event_is_on_disk(client: Client, lasting_world: Any) -> None:
    now = lasting_world.settings.replay_from
    answer = client.send(
        "POST", "/v1/events", "ingest", json={"events": [event(now), event(now, event_id="e2", action="click")]}
    )
    assert (answer.status_code, answer.json()) == (202, {"accepted": 2})
    (written,) = (lasting_world.settings.landing / "engagements").glob("*.jsonl.open")
    rows = [json.loads(line) for line in written.read_text().splitlines()][-2:]
    assert [row["event_id"] for row in rows] == ["e1", "e2"]
    assert all(row["received_at"] >= row["event_time"] for row in rows)


@pytest.mark.parametrize(
    "changed",
    [
        {"action": "stare"},
        {"watch_seconds": -1},
        {"watch_seconds": "NaN"},
        {"event_time": "yesterday"},
        {"received_at": "x"},
        {"event_id": None},
    ],
    ids=lambda changed: next(iter(changed)),
)  # fmt: skip
def test_an_event_that_breaks_the_contract_is_refused(client: Client, lasting_world: Any, changed: Any) -> None:
    refused = event(lasting_world.settings.replay_from, **{"event_id": "refused", **changed})
    answer = client.send(
        "POST", "/v1/events", "ingest", json={"events": [event(lasting_world.settings.replay_from), refused]}
    )
    assert answer.status_code == 422
    assert "$.events[1]" in answer.json()["error"]
    assert not any("refused" in file.read_text() for file in (lasting_world.settings.landing / "engagements").glob("*"))


@pytest.mark.parametrize("away", [timedelta(hours=1), timedelta(days=-365)], ids=["ahead", "long ago"])
def test_an_event_of_an_absurd_clock_is_refused(client: Client, lasting_world: Any, away: timedelta) -> None:
    answer = client.send(
        "POST", "/v1/events", "ingest", json={"events": [event(lasting_world.settings.replay_from + away)]}
    )
    assert answer.status_code == 422
    assert "our clock says" in answer.json()["error"]


def test_the_api_describes_itself(client: Client) -> None:
    spec = client.send("GET", "/openapi.json").json()
    assert set(spec["paths"]) >= {"/v1/feed", "/v1/rank", "/v1/events", "/healthz", "/readyz", "/metrics"}
    assert "user_id" in spec["components"]["schemas"]["FeedRequest"]["properties"]
    page = client.send("GET", "/docs").text
    assert "://" not in page


def test_metrics_count_answers_by_rung(client: Client) -> None:
    client.feed()
    page = client.send("GET", "/metrics").text
    assert 'flywheel_answers_total{route="feed",served_by="full"}' in page
    assert 'flywheel_breaker_state{dependency="redis"} 0.0' in page
