"""One filter on every rung of the ladder: whatever the page is made of, nobody is shown what they may not be."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest

from feature_repo.systems.home_feed import HOME_FEED_FEATURES as FEATURES
from infra.errors import Unavailable
from serving.definition import PoolValues
from serving.feedback import impression_rows
from serving.items.item_states import ItemStates
from serving.limits.budget import Budget
from serving.page.stocks import Stocks
from serving.systems.home_feed import RELEASE, SERVED, SERVICE
from tests.serving.caller import Client
from tests.serving.memory import PLAIN

FORBIDDEN = {
    "v1": "removed", "v2": "elsewhere", "v6": "for adults", "v8": "not rated",
    "v5": "blocked creator", "v25": "blocked creator", "v45": "blocked creator",
}  # fmt: skip
FOR_THIRTEEN = "v13"  # who is known to be so old may see it
Rung = Callable[[Any, pytest.MonkeyPatch], None]


@pytest.fixture(scope="module")
def caller(lasting_world: Any) -> Iterator[Client]:
    """An app for a user of thirteen in France who has blocked a creator; another has deleted their account."""
    world = lasting_world
    world.describe(6, age_rating="18")
    world.describe(8, age_rating=None)
    world.describe(13, age_rating="13")
    world.count("user_choice", [("kid", "c5"), ("gone", "c5")], lambda i, name: float("block" in name))
    world.count("user_choice", [("kid", "c7")], lambda i, name: float("follow" in name))
    who = {"region": ["FR"] * 2, "language": ["fr"] * 2, "device": ["tv"] * 2, "signup_at": [0] * 2}
    world.write(
        "user_profile", [("kid",), ("gone",)], {**who, "age_group": ["13", "18"], "status": ["active", "deleted"]}
    )
    world.release("1")
    world.promote("1")
    with Client(world) as started:
        live = started.online.releases.live
        described = {**{f"v{i}": facts(i) for i in range(60)}, "v99": {"status": "live"}}
        lists = msgspec.structs.replace(live.popular, all=[*described], by_group={}, fresh=["v13"], items=described)
        started.online.releases.live = replace(live, popular=lists)
        started.feed(user_id="kid", limit=3, preview=False)
        yield started


def facts(i: int) -> dict[str, Any]:
    """What a release says of a video."""
    changed = {1: {"status": "removed"}, 2: {"regions": ["DE"]}, 6: {"age_rating": "18"}, 13: {"age_rating": "13"}}
    return {**PLAIN, "creator_id": f"c{i % 20}", "age_rating": None if i == 8 else "0", **changed.get(i, {})}


def full(parts: Any, change: pytest.MonkeyPatch) -> None:
    """All is well."""


def no_user_state(parts: Any, change: pytest.MonkeyPatch) -> None:
    """Redis does not answer any more."""

    async def down(*_: Any) -> Any:
        raise Unavailable("Redis is down")

    change.setattr(parts.link, "ask", down)


def popular(parts: Any, change: pytest.MonkeyPatch) -> None:
    """There is no release."""
    change.setattr(parts.releases, "live", None)


def popular_alone(parts: Any, change: pytest.MonkeyPatch) -> None:
    """There is no release and no Redis."""
    popular(parts, change)
    no_user_state(parts, change)


def lists(parts: Any, change: pytest.MonkeyPatch) -> None:
    """No video is in memory: there are but the release's lists."""
    empty = ItemStates(FEATURES, SERVICE, capacity=4096)
    empty.words["creator_id"].codes([f"c{i}" for i in range(20)])
    made_with = parts.ladder.parts
    for owner, name, value in (
        (made_with, "states", empty), (made_with.scoring, "_states", empty), (made_with.users, "_states", empty),
        (made_with, "stocks", Stocks(empty, PoolValues())),
    ):  # fmt: skip
        change.setattr(owner, name, value)


RUNGS: list[tuple[Rung, str, bool]] = [
    (full, "full", True),
    (no_user_state, "no_user_state", False),
    (popular, "popular", True),
    (popular_alone, "popular", False),
    (lists, "popular", True),
]  # fmt: skip


@pytest.mark.parametrize(("rung", "served_by", "age_known"), RUNGS, ids=[rung.__name__ for rung, *_ in RUNGS])
def test_no_rung_shows_what_may_not_be_shown(
    caller: Client, monkeypatch: pytest.MonkeyPatch, rung: Rung, served_by: str, age_known: bool
) -> None:
    seen = ids(caller.feed(user_id="kid", limit=60))
    rung(caller.online, monkeypatch)
    answer = caller.feed(user_id="kid", limit=60, context={"region": "FR"})
    assert answer["served_by"] == served_by
    shown = set(ids(answer))
    assert not shown & {*FORBIDDEN, "v99"}, "forbidden"
    assert (FOR_THIRTEEN in shown) is age_known, "who is of no known age is taken for the youngest"
    allowed = {f"v{i}" for i in range(60)} - {*FORBIDDEN, FOR_THIRTEEN}
    assert shown - {FOR_THIRTEEN} == allowed & {*seen, *shown}, "and all else is there"
    assert len(allowed - shown) == 3, "but what was shown a moment ago"


@pytest.mark.parametrize(("rung", "served_by", "age_known"), RUNGS, ids=[rung.__name__ for rung, *_ in RUNGS])
def test_no_rung_ranks_what_may_not_be_shown(
    caller: Client, monkeypatch: pytest.MonkeyPatch, rung: Rung, served_by: str, age_known: bool
) -> None:
    caller.feed(user_id="kid")
    rung(caller.online, monkeypatch)
    named = [*FORBIDDEN, "v3", FOR_THIRTEEN, "nonsense"]
    answer = caller.send(
        "POST", "/v1/rank", json={"user_id": "kid", "video_ids": named, "context": {"region": "FR"}}
    ).json()
    assert set(ids(answer)) == ({"v3", FOR_THIRTEEN} if age_known else {"v3"})
    assert set(answer["left_out"]) == set(named) - set(ids(answer))


def test_nothing_of_a_deleted_user_is_used_or_remembered(caller: Client) -> None:
    """Neither their age nor their blocks; and they get a feed like anybody."""
    pages = [set(ids(caller.feed(user_id="gone", limit=60, preview=False, context={"region": "FR"}))) for _ in range(2)]
    assert pages[0] == pages[1], "what they were shown is not remembered"
    assert {"v5", "v25", "v45"} <= pages[0], "their blocks are no more"
    assert not pages[0] & {"v1", "v2", "v6", "v8", "v13"}, "nor is their age"


def test_the_log_says_what_found_each_video(caller: Client) -> None:
    names = {source.name for source in RELEASE.sources}
    request = type("Request", (), {"user": "kid", "limit": 60, "preview": True, "variant": None, "context": Context})
    page, who = run(caller, request)
    assert set(page.sources) <= names
    assert "followed" in page.sources
    assert all(b'"source":"' in line for line in impression_rows.ImpressionRows(SERVED).of(page, who))


def test_the_log_holds_the_very_features_that_were_served(caller: Client) -> None:
    request = type("Request", (), {"user": "kid", "limit": 60, "preview": True, "variant": None, "context": Context})
    page, who = run(caller, request)
    rows = [msgspec.json.decode(line) for line in impression_rows.ImpressionRows(SERVED).of(page, who)]
    read = np.array([row["served_features"] for row in rows], dtype=np.float64).astype(np.float32)  # None is NaN
    assert page.features is not None
    np.testing.assert_array_equal(read, page.features)
    scores = np.array([row["score"] for row in rows], dtype=np.float64).astype(np.float32)
    np.testing.assert_array_equal(scores, page.release.scorer.score(np.asfortranarray(page.features)))
    assert [row["video_id"] for row in rows] == page.items


class Context:
    device, region = None, "FR"


def run(caller: Client, request: Any) -> Any:
    return caller._runner.run(caller.online.ladder.feed(request, Budget(10.0)))


def ids(answer: Any) -> list[str]:
    return [item["video_id"] for item in answer["items"]]
