"""Two days of the closed loop on a tiny platform: a real service over loopback, a real Redis, a clock that is moved."""

import json
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from infra.clock import ClockHand
from infra.errors import DefinitionError, Unavailable
from infra.settings import Settings
from orchestration import client
from orchestration.demo.loop import Plan, run_closed_loop
from orchestration.demo.loop.accounts import LINES, Accounts
from orchestration.demo.loop.caller import Caller
from orchestration.demo.loop.lines import Frozen, Oracle, Popular
from orchestration.demo.loop.picture import draw
from orchestration.demo.loop.traffic import HOUR, Report, Traffic
from orchestration.sources.simulator import PageShown, Scale, World
from serving.assignment import CHALLENGER, CHAMPION
from serving.launch import started
from serving.systems.home_feed import SERVICE
from tests.conftest import free_port
from tests.serving.conftest import World as ServedWorld
from tests.waiting import until
from validation.systems.home_feed import DEVICES

DAYS = 2
SCALE = Scale(
    users=40, videos=160, days=1, impressions=500, creators=12, categories=4, regions=3, ahead=DAYS,
    start=datetime(2026, 5, 2, tzinfo=UTC),
)  # fmt: skip


@dataclass
class Loop:
    """Two days that are over."""

    world: World
    traffic: Traffic
    accounts: Accounts
    landing: Path

    def rows(self, table: str) -> list[dict[str, Any]]:
        """What the service logged."""
        files = sorted((self.landing / table).glob("*.jsonl"))
        return [json.loads(line) for file in files for line in file.read_text().splitlines()]


@pytest.fixture(scope="module")
def loop(tmp_path_factory: pytest.TempPathFactory) -> Loop:
    """The live service's pages, answered for two days."""
    home = tmp_path_factory.mktemp("loop")
    settings = Settings(
        home=home, redis_url=f"redis://127.0.0.1:{free_port()}/0", service_port=free_port(), service_workers=1,
        replay_from=SCALE.end, replay_clock=home / "replay.clock", hand_over_s=900.0,
    )  # fmt: skip
    world = World.make(SCALE).drifted(SCALE.finish + 86_400, tastes=1.0)
    with ExitStack() as life:
        served = filled(world, settings)
        life.callback(served.kill_redis)
        life.enter_context(started(settings))
        until(lambda: challenger_answers(settings))
        caller, popular, accounts = Caller(settings), Popular(world), Accounts()
        popular.learn_past(world.history())
        lines = {"popular": popular, "frozen": Frozen(world, caller, SERVICE.names), "oracle": Oracle(world)}
        hand = ClockHand(home / "replay.clock", SCALE.finish)
        traffic = Traffic(world, caller, hand, SERVICE.names, lines, popular, accounts)
        for day in range(DAYS):
            traffic.visits.open(SCALE.days + day)
        for hour in range(1, 24 * DAYS + 1):
            traffic.serve(SCALE.finish + hour * HOUR)
        life.close()
    return Loop(world, traffic, accounts, settings.landing)


def filled(world: World, settings: Settings) -> ServedWorld:
    """A Redis that knows the videos and users of the platform, and a release that likes what is watched long."""
    videos, users = world.platform.videos, world.platform.users
    alive = videos.live(SCALE.finish + HOUR)
    names = [str(name) for name in world.videos.listed(alive)]
    served = ServedWorld(settings)
    served.start_redis()
    keys, count = [(name,) for name in names], len(names)
    profile = {
        "creator_id": [f"c{videos.creator[v]}" for v in alive], "category": [f"t{videos.category[v]}" for v in alive],
        "length_class": ["to_30s"] * count, "language": ["en"] * count, "status": ["live"] * count,
        "regions": [[]] * count, "age_rating": ["0"] * count, "uploaded_at": [int(videos.born[v]) for v in alive],
        "duration_s": [float(videos.duration[v]) for v in alive],
    }  # fmt: skip
    served.write("video_profile", keys, profile)
    served.count("video", keys, lambda i, name: 100 - i if "long_view" in name else 200)
    people = [(str(name),) for name in world.users.listed(np.arange(SCALE.users))]
    served.write("user_profile", people, {
        "region": [world.region_name(int(region)) for region in users.region], "language": ["en"] * SCALE.users,
        "device": [DEVICES[int(device)] for device in users.device], "age_group": ["18"] * SCALE.users,
        "status": ["active"] * SCALE.users, "signup_at": [int(SCALE.begin)] * SCALE.users,
    })  # fmt: skip
    items = {name: {"status": "live", "regions": [], "age_rating": "0", "creator_id": "c"} for name in names[:40]}
    popular = {"all": names[:40], "by_group": {}, "fresh": names[:5], "items": items}
    for version, favourite in (("1", "video_long_view_1d"), ("2", "video_duration")):
        folder = served.release(version, favourite)
        (folder / "popular.json").write_text(json.dumps(popular))
        served.manifest(folder, version, "xgboost")
    served.challenge("1", "2", share=50)
    return served


def challenger_answers(settings: Settings) -> bool:
    """Whether the release on trial is loaded; the champion answers until then."""
    asked = {"user_id": "u000001", "limit": 1, "preview": True, "variant": "challenger"}
    return bool(client.post(settings, "operate", "/v1/feed", asked)["release"] == "2")


def test_every_outcome_answers_a_page_that_the_service_showed(loop: Loop) -> None:
    shown = {(row["request_id"], row["video_id"]): row["user_id"] for row in loop.rows("impressions")}
    done = loop.rows("engagements")
    assert len(done) > 100
    assert all(shown[row["request_id"], row["video_id"]] == row["user_id"] for row in done)
    assert len(done) == loop.traffic.answered["events"]


def test_only_the_pages_of_our_loop_are_logged_and_learned_from(loop: Loop) -> None:
    assert len({row["request_id"] for row in loop.rows("impressions")}) == len(loop.accounts.rows)


def test_the_service_answers_at_the_simulated_hour(loop: Loop) -> None:
    first = {row["request_id"]: datetime.fromisoformat(row["event_time"]) for row in loop.rows("impressions")}
    days = {(moment.date(), moment.hour) for moment in first.values()}
    assert len({day for day, _ in days}) == DAYS
    assert len(days) > 12
    by_hour = loop.accounts.frame.groupby("hour").size()
    logged = np.unique(
        [int((moment.timestamp() - SCALE.finish) // HOUR) for moment in first.values()], return_counts=True
    )
    assert (
        np.abs(by_hour.reindex(logged[0]).fillna(0).to_numpy() - logged[1]).sum() <= 4
    )  # a page on the stroke of an hour


def test_worth_is_accounted_by_variant_and_by_hour(loop: Loop) -> None:
    by_hour = loop.accounts.means("variant", "hour")
    assert set(by_hour["variant"]) == {CHAMPION, CHALLENGER}
    releases = loop.accounts.frame.groupby("variant")["release"].unique()
    assert {name: set(each) for name, each in releases.items()} == {CHAMPION: {"1"}, CHALLENGER: {"2"}}
    assert by_hour["pages"].sum() == len(loop.accounts.rows)
    assert by_hour[list(LINES)].notna().all(axis=None)
    means = loop.accounts.frame[list(LINES)].mean()
    assert means["oracle"] > max(means["popular"], means["frozen"], means["loop"])


def test_the_picture_is_drawn_of_them(loop: Loop, tmp_path: Path) -> None:
    draw(loop.accounts, [(2.0, "tastes turn")], tmp_path / "loop.png")
    assert (tmp_path / "loop.png").read_bytes().startswith(b"\x89PNG")


def page_of(world: World) -> PageShown:
    """A page of the last day."""
    session = world.sessions(0)
    at = float(session.at[-1])
    live = world.platform.videos.live(at)
    may = live[world.platform.may_show(session.who[-1:], live, np.float64(at))]
    return PageShown("r", int(session.who[-1]), at, int(session.device[-1]), may[:10])


def test_a_pages_true_worth_is_the_mean_of_what_its_user_makes_of_it() -> None:
    world = World.make(SCALE)
    page = page_of(world)
    grades = []
    for seed in range(600):
        rows = world.read(page, seed).engagements.to_pylist()
        grades.append(grade(rows, world))
    error = np.std(grades) / np.sqrt(len(grades))
    assert abs(np.mean(grades) - world.worth(page)) < 4 * error


def grade(rows: list[dict[str, Any]], world: World) -> float:
    """The grades of a page by what was done: see `Odds.utility`."""
    done: dict[str, set[str]] = {}
    for row in rows:
        long_view = row["action"] == "watch" and row["watch_seconds"] >= min(
            30.0, np.float32(world.platform.videos.duration[world.videos.places([row["video_id"]])[0]])
        )
        done.setdefault(row["video_id"], set()).add("long" if long_view else row["action"])
    return float(sum(_grade(actions) for actions in done.values()))


def _grade(actions: set[str]) -> int:
    if "long" not in actions:
        return -1 if actions & {"hide", "block", "report"} else 0
    return 3 if actions & {"share", "follow"} else 2 if actions & {"like", "comment"} else 1


def test_no_other_page_is_worth_more_than_the_oracles() -> None:
    world, draw_of = World.make(SCALE), np.random.default_rng(0)
    page = page_of(world)
    live = world.platform.videos.live(page.at)
    may = live[world.platform.may_show(np.array([page.who]), live, np.float64(page.at))]
    best = world.worth(page.with_videos(world.best_page(page, may, 10), ()))
    others = [world.worth(page.with_videos(draw_of.choice(may, 10, replace=False), ())) for _ in range(300)]
    assert best > max(others)


class Busy(Caller):
    """A service that has no time at first."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def events(self, events: list[dict[str, Any]]) -> bool:
        """Refused once, as with 429."""
        self.asked.append(len(events))
        return len(self.asked) > 1


def test_what_a_busy_service_refuses_is_sent_again_and_nothing_twice(loop: Loop) -> None:
    busy = Busy()
    traffic = replace(
        loop.traffic, caller=busy, answered=Counter(), _reports=[Report(1.0, 0, "u", {"action": "click"})]
    )
    traffic.report(0.5)
    assert busy.asked == []
    for now in (1.0, 2.0, 3.0):
        traffic.report(now)
    assert busy.asked == [1, 1]
    assert traffic.answered == {"sent again": 1, "events": 1}


def test_a_service_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="/v1/events"):
        Caller(Settings(home=tmp_path, service_port=free_port())).events([])


def test_a_page_without_its_mark_is_refused_before_the_days_begin(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="has no line"):
        run_closed_loop(Settings(home=tmp_path / "home"), Plan(), Console(), docs=tmp_path)
    assert not (tmp_path / "home").exists()
