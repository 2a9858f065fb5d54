"""A small home with events of years ago in which nobody follows or blocks: it runs in its own time, to a feed."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import pytest
import redis

from feature_repo.records import connect, redis_records
from feature_repo.records.layout import layouts
from feature_repo.stores.agreement import compare
from feature_repo.systems.home_feed import HOME_FEED_FEATURES as FEATURES
from infra.lake import days_from
from infra.settings import Settings
from orchestration.ingestion import ingest_path
from orchestration.replay import as_of
from orchestration.runs import execute
from orchestration.stale_days import nothing_published, stale_days
from orchestration.system import Installation
from orchestration.systems.home_feed import HOME_FEED
from tests.serving.caller import Client
from training.release.report import lacking
from training.rows import dataset

FIRST, LAST = date(2022, 5, 2), date(2022, 5, 8)
END = datetime(2022, 5, 9, tzinfo=UTC)
VIEWS = ("video", "user_choice")  # two of ten, for a fraction of the time
SHORT = replace(
    HOME_FEED,
    task=replace(HOME_FEED.task, slices=(), exposure=None, logged_only=()),
    features=replace(
        FEATURES,
        ttl=timedelta(days=2),  # less than since the descriptions
        counter_views=tuple(view for view in FEATURES.counter_views if view.name in VIEWS),
        features=tuple(
            feature for feature in FEATURES.features
            if {name.partition(".")[0] for name in feature.reads()} <= {*VIEWS, "video_profile", "user_profile"}
        ),
    ),
)  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, redis_address: str) -> Settings:
    """Files of a week in May 2022: everything described on its first day, feeds shown and watched on its last."""
    with redis.Redis.from_url(redis_address) as client:
        client.flushall()
    settings = Settings(home=tmp_path_factory.mktemp("years-old"), redis_url=redis_address, replay_from=None)
    for table, day, rows in files():
        folder = settings.landing / table
        folder.mkdir(parents=True)
        (folder / f"{day}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return settings


def files() -> Iterator[tuple[str, date, list[dict[str, Any]]]]:
    """Table, day and rows."""
    described = {"event_time": f"{FIRST}T00:00:00Z", "received_at": f"{FIRST}T00:01:00Z"}
    yield "videos", FIRST, [
        {"video_id": f"v{i}", "creator_id": f"c{i % 3}", "category": "k", "duration_s": None if i % 2 else 20.0,
         "language": "de", "regions": [], "uploaded_at": f"{FIRST}T00:00:00Z", "status": "live", "age_rating": "0",
         **described} for i in range(10)
    ]  # fmt: skip
    yield "users", FIRST, [
        {"user_id": f"u{i}", "signup_at": "2022-01-01T00:00:00Z", "region": "de", "language": "und", "device": "phone",
         "status": "active", **described} for i in range(4)
    ]  # fmt: skip
    shown = [(f"r{i}", f"u{i % 4}", f"v{i % 10}", f"{LAST}T{10 + i // 10}:00:{i % 10:02}") for i in range(40)]
    yield "impressions", LAST, [
        {"request_id": r, "video_id": v, "user_id": u, "device": "phone", "variant": "x", "position": 1,
         "event_time": f"{at}.500Z", "received_at": f"{at}.500Z"} for r, u, v, at in shown
    ]  # fmt: skip
    yield "engagements", LAST, [
        {"event_id": f"e{r}", "request_id": r, "user_id": u, "video_id": v, "action": "watch", "watch_seconds": 20,
         "event_time": f"{at}Z", "received_at": f"{at[:-2]}59Z"} for r, u, v, at in shown[::2]
    ]  # fmt: skip


def test_events_of_years_ago_run_in_their_own_time_to_equal_stores_a_training_set_and_a_feed(home: Settings) -> None:
    messages: list[str] = []
    at = as_of(Installation(SHORT, home), None, messages.append)
    assert "as if it were 2022-05-09 00:00 UTC now" in messages[0]
    result = execute(at, "features", FIRST, LAST, messages.append)
    assert result.success, "\n".join(messages)
    (check,) = (c for c in result.get_asset_check_evaluations() if c.check_name == "online_equals_offline")
    assert check.passed
    assert check.metadata["compared"].value > 20

    today = Installation(SHORT, home)  # whose clock says that all of this is years old
    assert compare(today.store, today.lake, today.system.features, END).passed

    features = at.system.features
    of_user = {"user_id": "u1", "region": "de", "event_timestamp": END - timedelta(minutes=1)}
    rows = pd.DataFrame([
        {"video_id": video, "creator_id": "c1", "category": "k", "length_class": "to_30s", **of_user}
        for video in ("v2", "v1")
    ])  # fmt: skip
    built = dataset.build_dataset(rows, at.store, features, at.system.task)
    assert np.isnan(built.column("video_duration")).tolist() == [False, True], "a description holds, however old"
    assert built.mostly_unknown() == {"video_duration": 0.5, "same_language": 1.0, "device": 1.0}
    assert "| video_duration | 50% |" in lacking(built.mostly_unknown())
    with connect(home.redis_url) as client:
        online = redis_records.read_records(client, layouts(features)["video_profile"], [("v2",), ("v1",)])
        assert not len(redis_records.read_all_records(client, layouts(features)["user_choice"]).keys)
    assert np.isnan(online.column("duration_s")).tolist() == [False, True], "online as in training"

    with Client(SimpleNamespace(settings=at.settings)) as service:
        page = service.feed(user_id="u1", limit=5)
    assert len(page["items"]) == 5


def test_a_past_day_that_changes_is_made_again_with_those_after_it_and_dagster_is_told(home: Settings) -> None:
    at = as_of(Installation(SHORT, home), None, print)
    if nothing_published(at):
        assert execute(at, "features", FIRST, LAST).success
    day = FIRST + timedelta(days=3)
    row = {"request_id": "found later", "video_id": "v1", "user_id": "u1", "device": "phone", "variant": "x",
           "event_time": f"{day}T10:00:00Z", "received_at": f"{day}T10:00:00Z"}  # fmt: skip
    path = home.home / "found-later.jsonl"
    path.write_text(json.dumps(row))
    ingest_path(at, path, "impressions", print, history=True)
    stale = stale_days(at)
    assert stale is not None
    assert stale.days == tuple(days_from(day, LAST))
    result = execute(at, "features", LAST, LAST)
    assert result.success, "online equals offline, which the check of the run asks"
    assert stale_days(at) is None
    with dg.DagsterInstance.get() as instance:
        wanted = dg.AssetRecordsFilter(dg.AssetKey("states"), asset_partitions=[f"{day}"])
        [record] = instance.fetch_materializations(wanted, limit=1).records
    assert record.asset_materialization is not None
    assert str(record.asset_materialization.metadata["why"].value).startswith("stale: made again in the run of")
