"""The simulated platform behaves like one: what is logged, who does what, and what is true."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from infra.errors import DefinitionError
from orchestration.sources.simulator import TINY, Events, Scale, World
from orchestration.sources.simulator.popular_mix import VARIANTS
from validation.systems.home_feed import AGES

DAY = 86_400.0
SMALL = replace(TINY, users=600, videos=2_400, days=4, impressions=40_000, creators=120, categories=12)


@pytest.fixture(scope="module")
def world() -> World:
    return World.make(SMALL)


@pytest.fixture(scope="module")
def events(world: World) -> Events:
    return world.history()


def seconds(column: pa.ChunkedArray) -> np.ndarray:
    return pc.cast(column, pa.int64()).to_numpy() / 1e6


def share(events: Events, action: str) -> float:
    return pc.sum(pc.equal(events.engagements["action"], action)).as_py() / events.impressions.num_rows


def test_the_same_seed_makes_the_same_world_and_another_seed_another() -> None:
    first, again = World.make(TINY).history(), World.make(TINY).history()
    other = World.make(replace(TINY, seed=8)).history()
    for table, rows in first:
        assert rows.equals(getattr(again, table.name))
        assert not rows.equals(getattr(other, table.name))


def test_clean_rows_keep_every_promise_of_the_contract(events: Events) -> None:
    for table, rows in events:
        assert rows.schema.equals(table.schema)
        frame = rows.to_pandas()
        assert not frame.duplicated(list(table.identity)).any()
        for column in table.columns:
            values = frame[column.name]
            assert column.nullable or values.notna().all(), column.name
            assert column.one_of is None or set(values.dropna()) <= set(column.one_of), column.name
            assert column.low is None or not (values < column.low).any(), column.name
            assert column.high is None or not (values > column.high).any(), column.name
        for rule in table.rules:
            assert frame.eval(rule.holds, engine="python").all(), rule.name


def test_every_row_refers_to_users_and_videos_that_were_described_before(events: Events) -> None:
    videos = events.videos.to_pandas().groupby("video_id")["received_at"].min()
    users = events.users.to_pandas().groupby("user_id")["received_at"].min()
    shown = events.impressions.to_pandas()
    assert (shown["user_id"].map(users) <= shown["event_time"]).all()
    assert shown["video_id"].isin(videos.index).all()


def test_a_feed_holds_ten_different_videos_in_order(events: Events) -> None:
    pages = events.impressions.to_pandas().groupby("request_id")
    assert (pages["position"].max() == pages.size()).all()
    assert pages.size().mean() > 9.8
    assert (pages["event_time"].nunique() == 1).all()


def test_rates_are_those_of_a_busy_feed(events: Events) -> None:
    assert 0.35 < share(events, "click") < 0.6
    assert share(events, "like") > share(events, "comment")
    assert 0 < share(events, "report") < share(events, "hide") < 0.02


def test_lower_places_are_looked_at_less(events: Events) -> None:
    opened = events.engagements.filter(pc.equal(events.engagements["action"], "click")).to_pandas()
    shown = events.impressions.to_pandas().merge(opened[["request_id", "video_id", "action"]], how="left")
    by_place = shown.groupby("position")["action"].apply(lambda a: a.notna().mean())
    assert by_place[1] > by_place[3] > by_place[9]


def test_nobody_is_shown_what_they_are_too_young_for(events: Events) -> None:
    users = events.users.to_pandas().drop_duplicates("user_id").set_index("user_id")["age_group"].fillna(AGES[0])
    rated = events.videos.to_pandas().drop_duplicates("video_id").set_index("video_id")["age_rating"]
    shown = events.impressions.to_pandas()
    old_enough = shown["user_id"].map(users).map(AGES.index) >= shown["video_id"].map(rated).map(AGES.index)
    assert old_enough.all()
    assert set(users) == set(AGES)
    assert (shown["video_id"].map(rated) != AGES[0]).any()


def test_who_deletes_their_account_is_not_seen_again(events: Events) -> None:
    users = events.users.to_pandas()
    left = users[users["status"] == "deleted"].set_index("user_id")["event_time"]
    shown = events.impressions.to_pandas()
    assert len(left) >= 1
    assert not (shown["event_time"] >= shown["user_id"].map(left)).any()


def test_some_who_reject_a_video_block_its_creator(events: Events) -> None:
    assert 0 < share(events, "block") < share(events, "hide")


def test_random_answers_say_with_what_chance_they_were_drawn(events: Events) -> None:
    shown = events.impressions.to_pandas()
    explored = shown["variant"] == VARIANTS[1]
    assert 0.03 < explored.mean() < 0.07
    assert shown.loc[explored, "propensity"].between(0.0002, 0.01).all()
    assert shown.loc[~explored, "propensity"].isna().all()


def test_videos_are_born_every_minute_and_die(world: World, events: Events) -> None:
    videos = events.videos.to_pandas()
    live, gone = videos[videos["status"] == "live"], videos[videos["status"] != "live"]
    every_hour = live.loc[live["uploaded_at"] >= SMALL.start, "uploaded_at"].dt.floor("h").nunique()
    assert every_hour == SMALL.days * 24
    assert len(gone) > 200
    shown = events.impressions.to_pandas().merge(
        gone[["video_id", "event_time"]], on="video_id", suffixes=("", "_gone")
    )
    assert (shown["event_time"] < shown["event_time_gone"]).all()
    assert set(world.live_videos(SMALL.finish)) != set(world.live_videos(SMALL.begin))


def test_utility_tells_what_users_engage_with(world: World, events: Events) -> None:
    shown, clicks = events.impressions.to_pandas(), events.engagements.to_pandas()
    worth = world.utility(shown["user_id"], shown["video_id"], seconds(events.impressions["event_time"]))
    long = clicks[(clicks["action"] == "watch") & (clicks["watch_seconds"] >= 30)]
    watched = shown["request_id"].str.cat(shown["video_id"]).isin(long["request_id"].str.cat(long["video_id"]))
    top, bottom = worth > np.quantile(worth, 0.8), worth < np.quantile(worth, 0.2)
    assert watched[top].mean() > 3 * watched[bottom].mean()


def test_tastes_drift(world: World) -> None:
    users, start = np.arange(SMALL.users), np.full(SMALL.users, SMALL.begin)

    def alike(days: float) -> float:
        now, then = (world.platform.users.taste(users, at) for at in (start, start + days * DAY))
        return float(np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(now, then, strict=True)]))

    assert 1 > alike(1) > alike(7) > alike(14)


def test_news_is_worth_little_tomorrow_and_music_still_is(world: World) -> None:
    topics, videos = world.platform.categories, world.platform.videos
    now = SMALL.finish

    def share_left(name: str) -> float:
        new = np.flatnonzero((videos.category == topics.names.index(name)) & (videos.born > now - 0.2 * DAY))
        new = new[(videos.gone[new] > now + 0.5 * DAY) & (videos.born[new] < now)]
        users = np.arange(SMALL.users)[:, None]
        return float(world.utility(users, new, now + 0.5 * DAY).mean() / world.utility(users, new, now).mean())

    assert share_left("news") < 0.9 * share_left("music")


def test_nobody_gains_from_what_may_not_be_shown(world: World) -> None:
    videos = world.platform.videos
    gone = np.flatnonzero(videos.gone < SMALL.finish)[:20]
    unborn = np.flatnonzero(videos.born > SMALL.finish)[:20]
    assert (world.utility("u000003", np.concatenate([gone, unborn]), SMALL.finish) == 0).all()


def test_a_world_does_not_grow_beyond_its_plan(world: World) -> None:
    with pytest.raises(DefinitionError, match="lies beyond the 4 \\+ 3 days"):
        world.history(first_day=4, days=4)


@pytest.mark.parametrize("video", ["v9999999", "x1"], ids=["too high", "of no kind"])
def test_an_unknown_video_is_named(world: World, video: str) -> None:
    with pytest.raises(DefinitionError, match="video"):
        world.utility("u000001", [video], SMALL.finish)


def test_a_large_world_has_as_many_impressions_as_asked_for() -> None:
    scale = Scale(users=300, videos=3_000, days=2, impressions=20_000)
    assert World.make(scale).history().impressions.num_rows == pytest.approx(20_000, rel=0.02)
