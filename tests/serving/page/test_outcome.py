"""Each way that candidates are not ranked: its reason, alone and in the answer."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from serving.definition import BreakerValues
from serving.limits.breaker import Breaker
from serving.page.page_parts import EXHAUSTED
from serving.page.rungs import NOTHING, POPULAR
from tests.serving.caller import Client

Change = Callable[[Any, pytest.MonkeyPatch], None]


def without_release(parts: Any, change: pytest.MonkeyPatch) -> None:
    change.setattr(parts.releases, "live", None)
    change.setattr(parts.releases, "why", "the registry names none")


def without_states(parts: Any, change: pytest.MonkeyPatch) -> None:
    change.setattr(type(parts.states), "__len__", lambda _: 0)


def without_time(parts: Any, change: pytest.MonkeyPatch) -> None:
    live = parts.releases.live
    hurried = msgspec.structs.replace(live.policy, limits=msgspec.structs.replace(live.policy.limits, score_ms=1e9))
    change.setattr(parts.releases, "live", replace(live, policy=hurried))


def with_an_open_breaker(parts: Any, change: pytest.MonkeyPatch) -> None:
    broken = Breaker("tested", clock=lambda: 0.0)
    for _ in range(BreakerValues().failures):
        broken.failed("scoring failed: Earlier")
    change.setitem(parts.ladder.parts.arms.breakers.held, "scorer", ("1", broken))


def with_a_broken_scorer(parts: Any, change: pytest.MonkeyPatch) -> None:
    def score(_: Any) -> Any:
        raise ZeroDivisionError

    change.setitem(parts.ladder.parts.arms.breakers.held, "scorer", ("1", Breaker("tested")))
    change.setattr(parts.releases.live.scorer, "score", score)


CHANGES: list[tuple[Change, str]] = [
    (without_release, "the registry names none"),
    (without_time, "too late to score"),
    (with_an_open_breaker, "scoring failed: Earlier"),
    (with_a_broken_scorer, "scoring failed: ZeroDivisionError"),
]


@pytest.mark.parametrize(("change", "reason"), CHANGES, ids=[change.__name__ for change, _ in CHANGES])
@pytest.mark.parametrize("path", ["feed", "rank"])
def test_what_is_not_ranked_says_why_and_comes_from_the_lowest_rung(
    client: Client, monkeypatch: pytest.MonkeyPatch, path: str, change: Change, reason: str
) -> None:
    change(client.online, monkeypatch)
    more = {"video_ids": ["v3", "v5", "v1"]} if path == "rank" else {}
    answer = client.send("POST", f"/v1/{path}", json={"user_id": "u1", "preview": True, **more}).json()
    assert (answer["served_by"], answer["reason"], answer["release"]) == (POPULAR, reason, None)
    assert answer["items"]


def test_candidates_that_may_not_be_shown_have_another_reason_than_memory_without_items(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    removed = {"user_id": "u1", "video_ids": ["v1"]}
    answers = [client.send("POST", "/v1/rank", json=removed).json()]
    without_states(client.online, monkeypatch)
    answers.append(client.send("POST", "/v1/rank", json=removed).json())
    assert [answer["served_by"] for answer in answers] == [NOTHING, NOTHING]
    assert [answer["reason"] for answer in answers] == [
        "no candidates: nothing in memory may be shown", "no item states in memory",
    ]  # fmt: skip


def test_a_reason_known_before_is_kept_and_nothing_is_scored(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    scored: list[Any] = []
    monkeypatch.setattr(type(client.online.shedding), "exhausted", property(lambda _: True))
    monkeypatch.setattr(client.online.ladder.parts.scoring, "ranked", lambda *block: scored.append(block))
    answer = client.feed()
    assert (answer["served_by"], answer["reason"]) == (POPULAR, EXHAUSTED.reason)
    assert not scored
