"""The ladder under strain: every well-formed request is answered, whatever fails, and the answer says why."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from serving.definition import BreakerValues, RequestLimits
from serving.limits.breaker import Breaker
from serving.limits.request_queue import Pace
from serving.limits.shedding import Shedding
from tests.serving.test_answers import Client


@pytest.fixture(scope="module")
def client(lasting_world: Any) -> Iterator[Client]:
    lasting_world.release("1")
    lasting_world.promote("1")
    with Client(lasting_world) as started:
        yield started


@pytest.fixture
def parts(client: Client) -> Any:
    return client.online


def fails(*_: Any, **__: Any) -> Any:
    raise RuntimeError("nobody foresaw this")


BROKEN = [
    ("parts.users.read", "popular"),
    ("parts.releases.live.scorer.score", "popular"),
    ("parts.releases.live.builder.matrix", "popular"),
    ("_feed._shown.to", "nothing_known"),
]


@pytest.mark.parametrize(("part", "rung"), BROKEN, ids=[part for part, _ in BROKEN])
def test_what_nobody_foresaw_costs_rungs_and_never_the_answer(
    client: Client, parts: Any, monkeypatch: pytest.MonkeyPatch, part: str, rung: str
) -> None:
    *way, name = part.split(".")
    owner = parts.ladder
    for step in way:
        owner = getattr(owner, step)
    monkeypatch.setattr(owner, name, fails)
    monkeypatch.setitem(parts.ladder.parts.arms.breakers.held, "scorer", ("1", Breaker("tested")))
    answer = client.feed()
    assert answer["served_by"] == rung
    assert "RuntimeError" in answer["reason"]
    assert bool(answer["items"]) == (rung == "popular")
    ranked = client.send("POST", "/v1/rank", json={"user_id": "u1", "video_ids": ["v3", "v5"], "preview": True})
    assert ranked.status_code == 200


def test_a_scorer_that_keeps_failing_is_not_asked_for_a_while(
    client: Client, parts: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    scored, clock = [], [0.0]
    breaker = Breaker("tested", clock=lambda: clock[0])
    monkeypatch.setitem(parts.ladder.parts.arms.breakers.held, "scorer", ("1", breaker))
    with monkeypatch.context() as broken:
        broken.setattr(parts.releases.live.scorer, "score", lambda matrix: scored.append(1) or fails())
        for _ in range(10):
            assert client.feed()["served_by"] == "popular"
    assert len(scored) == BreakerValues().failures
    assert client.feed()["served_by"] == "popular", "well again, but not asked yet"
    clock[0] += BreakerValues().retry_s
    assert client.feed()["served_by"] == "full", "a probe finds the scorer well again"


def test_no_time_to_score_costs_the_score(client: Client, parts: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Shedding, "wait_s", 0.1)
    answer = client.feed()
    assert answer["served_by"] == "popular"
    assert answer["reason"].startswith("overload")
    assert answer["items"]


def test_too_many_waiting_are_refused_at_once(client: Client, parts: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Shedding, "wait_s", 0.5)
    answer = client.send("POST", "/v1/feed", json={"user_id": "u1"})
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 1
    assert "come again" in answer.json()["error"]


def test_a_crowd_gets_what_there_is_time_for(client: Client, parts: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first are ranked, those who would wait longer are not, who comes too late for anything is told at once."""
    slow = RequestLimits(request_ms=60_000, unscored_ms=10_000, refuse_ms=15_000)
    policy = msgspec.structs.replace(parts.releases.live.policy, limits=slow)
    monkeypatch.setattr(parts.releases, "live", replace(parts.releases.live, policy=policy))
    monkeypatch.setattr(parts.shedding, "_full", Pace(1.0))
    monkeypatch.setattr(parts.shedding, "_lowest", Pace(0.5))
    answers = client.crowd(40, "POST", "/v1/feed", json={"user_id": "u1", "preview": True})
    came = [answer.json().get("served_by", answer.status_code) for answer in answers]
    assert came == ["full"] * 10 + ["popular"] * 12 + [429] * 18
    assert client.feed()["served_by"] == "full", "the next one finds nobody before it"


def test_a_constant_share_comes_from_the_lowest_rung(
    client: Client, parts: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One in two hundred, so that the rung that needs nothing is known to work on the day it is needed."""
    policy = parts.releases.live.policy
    in_no_hurry = dict.fromkeys(("request_ms", "unscored_ms", "refuse_ms"), 600_000.0)  # on a machine of any speed
    half = msgspec.structs.replace(policy, limits=RequestLimits(lowest_share=0.5, **in_no_hurry))
    monkeypatch.setattr(parts.releases, "live", replace(parts.releases.live, policy=half))
    answers = [client.feed(preview=False, user_id=f"share{i}") for i in range(60)]
    lowest = [answer for answer in answers if answer["served_by"] == "popular"]
    assert 10 < len(lowest) < 50
    assert {answer["reason"] for answer in lowest} == {"the constant share of this rung"}


def test_old_states_are_said_to_be_old(client: Client, parts: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert client.feed()["reason"] is None
    monkeypatch.setattr(parts.states, "age", lambda now: 4000.0)
    answer = client.feed()
    assert (answer["served_by"], answer["reason"]) == ("full", "item states are 4000 s old")
