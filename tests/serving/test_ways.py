"""The paths that `serving/__init__.py` describes: each line names a function, and requests and events pass it."""

import asyncio
import functools
import importlib
import inspect
import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any

import pytest

import serving
from feature_repo.systems.home_feed import HOME_FEED_FEATURES as FEATURES
from infra.clock import Clock
from tests.serving.caller import Client
from tests.waiting import PATIENCE_S, until
from validation.systems.home_feed import TABLES

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

LINE = re.compile(r"^    (\w+(?:\.\w+)+) +(\S.*)$", re.MULTILINE)
ONE_SCREEN = 20
BESIDE = {  # what goes on in other threads while a request is answered
    "serving.items.state_writer.StateWriter.follow",
    "serving.items.item_states.ItemStates.take",
    "serving.feedback.landing_log.LandingLog.append",
    "serving.feedback.landing_log.LandingLog.close",
}
OURS = ("infra.", "validation.", "feature_repo.", "serving.", "orchestration.", "tests.")


def path(begins: str) -> list[str]:
    """The functions that a part of the docstring names, in its order."""
    assert serving.__doc__
    [part] = [part for part in re.split(r"\n\n(?=\S)", serving.__doc__) if part.startswith(begins)]
    return [name for name, _ in LINE.findall(part)]


REQUEST, EVENT, NIGHT = path("The path of a request"), path("The path of an event"), path("Every night")
CASE = path("The path of a case")


def resolved(name: str) -> tuple[Any, str, FunctionType]:
    """What a name refers to: its owner, a module or class, and the function."""
    parts = name.split(".")
    for end in range(len(parts) - 1, 0, -1):
        try:
            owner: Any = importlib.import_module(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        for part in parts[end:-1]:
            owner = getattr(owner, part)
        return owner, parts[-1], inspect.getattr_static(owner, parts[-1])
    raise AssertionError(f"there is no module of {name}")


@pytest.mark.parametrize("name", [*REQUEST, *EVENT, *CASE, *NIGHT])
def test_each_line_names_a_function_where_it_stands(name: str) -> None:
    _, _, function = resolved(name)
    assert inspect.isfunction(function)
    assert f"{function.__module__}.{function.__qualname__}" == name or name in NIGHT


def test_each_way_fits_on_a_screen() -> None:
    assert serving.__doc__
    assert [len(way) for way in (REQUEST, EVENT, CASE)] == [14, 14, 11]
    assert max(map(len, (REQUEST, EVENT, CASE, NIGHT))) < ONE_SCREEN
    lines = [line for line in serving.__doc__.splitlines() if line.startswith("    ")]
    assert len(lines) == len(REQUEST) + len(EVENT) + len(CASE) + len(NIGHT), (
        "a line that is no `module.function` and what it does"
    )


@pytest.fixture
def passed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The named functions that were called, each time one is, in whatever thread."""
    calls: list[str] = []

    def noted(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*args: Any, **more: Any) -> Any:
            calls.append(name)
            return function(*args, **more)

        return call

    for name in {*REQUEST, *EVENT}:
        owner, attribute, function = resolved(name)
        wrapped = noted(name, function)
        monkeypatch.setattr(owner, attribute, wrapped)
        for module in [module for at, module in sys.modules.items() if at.startswith(OURS)]:
            for alias in [alias for alias, value in vars(module).items() if value is function]:
                monkeypatch.setattr(module, alias, wrapped)
    return calls


@pytest.fixture
def caller(passed: list[str], world: Any) -> Iterator[Client]:
    world.release("1")
    world.promote("1")
    with Client(world) as started:
        started.feed()
        passed.clear()
        yield started


def test_a_request_goes_this_way(caller: Client, passed: list[str]) -> None:
    answer = caller.feed(preview=False)
    assert answer["served_by"] == "full"
    until(lambda: REQUEST[-1] in passed)
    assert list(dict.fromkeys(name for name in passed if name not in BESIDE)) == REQUEST


def test_an_event_goes_this_way(caller: Client, passed: list[str], spark: "SparkSession") -> None:
    """Through the service, the stream's own process (here: the same one) and Redis, back into the service."""
    from feature_repo.stream import streaming

    settings, states = caller.settings, caller.online.states
    page = caller.feed(preview=False, limit=1)
    [item] = page["items"]
    described(settings.landing, item["video_id"])
    before = liked(states, item["video_id"])
    passed.clear()
    happened = {"video_id": item["video_id"], "action": "like", "event_time": settings.replay_from.isoformat()}
    sent = caller.send("POST", "/v1/events", "events", json={"events": [{"token": page["token"], **happened}]})
    assert sent.status_code == 202
    caller._runner.run(caller.online.events.stop())  # hands its file over
    later = settings.model_copy(update={"replay_from": settings.replay_from + timedelta(minutes=10)})
    with streaming(later, FEATURES, {table.name: table for table in TABLES}, Clock()) as stream:
        stream.start(availableNow=True).awaitTermination()
        assert not stream.failed
        stream.bring_online()
        assert stream.progress.written
    caller._runner.run(followed(lambda: liked(states, item["video_id"]) != before))
    assert in_this_order(EVENT, passed)


def test_what_goes_another_way_would_be_noticed() -> None:
    assert in_this_order(["a", "b"], ["b", "a", "c", "b"])
    assert not in_this_order(["a", "b"], ["b", "a", "c"])


def in_this_order(names: Sequence[str], calls: Sequence[str]) -> bool:
    """Whether the calls pass the names one after the other, whatever else is between them."""
    rest = iter(calls)
    return all(name in rest for name in names)


async def followed(holds: Callable[[], bool]) -> None:
    """Let the service go on until it holds."""
    async with asyncio.timeout(PATIENCE_S):
        while not holds():
            await asyncio.sleep(0.05)


def liked(states: Any, video: str) -> float:
    return float(states.gather(states.rows([video])).counter("video.praise_30d")[0])


def described(landing: Path, video: str) -> None:
    """The tables' rows of the video and of the user, landed."""
    long_ago = "2026-04-01T00:00:00Z"
    known = {"event_time": long_ago, "received_at": long_ago, "language": "fr"}
    rows = {
        "videos": {
            "video_id": video, "creator_id": "c1", "category": "music", "duration_s": 20.0, "regions": [],
            "uploaded_at": long_ago, "status": "live", "age_rating": "0",
        },
        "users": {
            "user_id": "u1", "signup_at": long_ago, "region": "FR", "device": "tv", "age_group": "18",
            "status": "active",
        },
    }  # fmt: skip
    for table, row in rows.items():
        (landing / table).mkdir(parents=True, exist_ok=True)
        (landing / table / f"{table}-20260401T000000-1-1.jsonl").write_text(json.dumps({**row, **known}) + "\n")
