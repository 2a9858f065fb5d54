"""Simulated users answer any feed, and the world can suddenly change."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from infra.errors import DefinitionError
from orchestration.sources.simulator import TINY, Events, World, as_json

SCALE = replace(TINY, users=400, videos=1_500, creators=100, impressions=15_000)
NOW = SCALE.finish - 3_600
USERS = [f"u{i:06d}" for i in range(0, 400, 2)]


@pytest.fixture(scope="module")
def world() -> World:
    return World.make(SCALE)


@pytest.fixture(scope="module")
def events(world: World) -> Events:
    return world.history()


def long_views(world: World, events: Events) -> int:
    watch = events.engagements.filter(pc.equal(events.engagements["action"], "watch"))
    length = world.platform.videos.duration[world.videos.places(watch["video_id"])]
    return int((watch["watch_seconds"].to_numpy() >= np.minimum(length, 30)).sum())


def answered(world: World, feeds: list[np.ndarray], seed: int = 1, **options: object) -> Events:
    return world.answers(USERS, feeds, [NOW] * len(USERS), seed, [f"r{i}" for i in range(len(USERS))], **options)  # type: ignore[arg-type]


def test_a_better_feed_gets_more_long_views(world: World) -> None:
    chosen = np.random.default_rng(0)
    best = [world.best(user, NOW) for user in USERS]
    any_ten = [chosen.choice(world.live_videos(NOW, user), 10, replace=False) for user in USERS]
    assert long_views(world, answered(world, best)) > 2 * long_views(world, answered(world, any_ten))


def test_the_same_feed_and_seed_get_the_same_answer_alone_or_among_others(world: World) -> None:
    feeds = [world.best(user, NOW) for user in USERS]
    alone = world.answer(USERS[0], feeds[0], NOW, 1, "r0")
    together = answered(world, feeds)
    same_request = together.engagements.filter(pc.equal(together.engagements["request_id"], "r0"))
    assert alone.engagements.equals(same_request)
    assert not alone.engagements.equals(world.answer(USERS[0], feeds[0], NOW, 2, "r0").engagements)


def test_the_same_video_tires_when_its_topic_comes_again_and_again(world: World) -> None:
    topic = world.platform.videos.category
    live = world.videos.places(world.live_videos(NOW))
    same = world.videos.listed(live[topic[live] == topic[live[0]]][:10])
    fresh = answered(world, [same] * len(USERS))
    tired = answered(world, [same] * len(USERS), earlier=[[same, same]] * len(USERS))
    assert long_views(world, tired) < 0.8 * long_views(world, fresh)


def test_a_television_is_for_long_videos_and_a_phone_for_short_ones(world: World) -> None:
    live = world.videos.places(world.live_videos(NOW))
    order = live[np.argsort(world.platform.videos.duration[live])]
    short, long = order[len(order) // 5 : len(order) // 3], order[-len(order) // 5 :]
    users = np.arange(SCALE.users)[:, None]

    def worth(videos: np.ndarray, device: str) -> float:
        return float(world.utility(users, videos, NOW, device).mean())

    assert worth(short, "phone") > 2 * worth(short, "tv")
    assert worth(long, "tv") > 2 * worth(long, "phone")


def test_engagements_are_ready_to_be_posted(world: World) -> None:
    rows = as_json(world.answer("u000004", world.best("u000004", NOW), NOW, 3, "req-1").engagements)
    assert rows
    assert {row["request_id"] for row in rows} == {"req-1"}
    assert all(row["received_at"] >= row["event_time"] and row["event_time"].endswith("Z") for row in rows)


def test_a_device_nobody_knows_is_refused(world: World) -> None:
    with pytest.raises(DefinitionError, match="device `fridge` is not one of phone"):
        world.utility("u000001", "v0000001", NOW, "fridge")


def test_a_shift_leaves_the_past_as_it_was(world: World, events: Events) -> None:
    middle = SCALE.start + timedelta(hours=36)
    changed = world.drifted(middle.timestamp(), tastes=0.9, lengths=4.0, unknown_lengths=0.6).history()
    for table, rows in events:
        before = rows.filter(pc.less(rows[table.received_time], pa.scalar(middle)))
        after = getattr(changed, table.name)
        assert before.equals(after.filter(pc.less(after[table.received_time], pa.scalar(middle)))), table.name
    assert not changed.engagements.equals(events.engagements)


def test_a_shift_is_felt(world: World, events: Events) -> None:
    changed = world.drifted(SCALE.finish, tastes=1.0, lengths=4.0, unknown_lengths=0.6, unplaced=0.5)
    next_day = changed.history(first_day=SCALE.days, days=1, after=events)
    born = next_day.videos.filter(pc.equal(next_day.videos["status"], "live"))["duration_s"]
    was = events.videos["duration_s"]
    assert born.null_count / len(born) > 0.5
    assert was.null_count / len(was) < 0.05
    assert pc.quantile(born)[0].as_py() > 2 * pc.quantile(was)[0].as_py()
    assert 0.3 < next_day.impressions["position"].null_count / next_day.impressions.num_rows < 0.7
    later = SCALE.finish + 3_600
    live = world.live_videos(later)
    users = np.arange(0, SCALE.users, 8)[:, None]
    assert (
        np.corrcoef(world.utility(users, live, later).ravel(), changed.utility(users, live, later).ravel())[0, 1] < 0.8
    )


def test_a_continued_history_follows_on(world: World, events: Events) -> None:
    more = world.history(first_day=SCALE.days, days=1, after=events)
    both = events + more
    assert pc.min(more.impressions["event_time"]).as_py() >= SCALE.end
    for table, rows in both:
        assert not rows.to_pandas().duplicated(list(table.identity)).any(), table.name
