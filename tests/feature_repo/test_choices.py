"""Follows and blocks of the feed: an event counts for a decade, and tastes know nothing of it."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from feature_repo.counters import decay
from feature_repo.folding import published_states
from feature_repo.folding.contributions import contributed
from feature_repo.systems.home_feed import HOME_FEED_FEATURES
from validation.contract import Table
from validation.systems.home_feed import ENGAGEMENTS, IMPRESSIONS, TABLES, USERS, VIDEOS

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

THEN = datetime(2026, 3, 1, tzinfo=UTC)
CHOICE = HOME_FEED_FEATURES.counter_view("user_choice")
ACTS = [
    ("u1", "v1", "follow"),
    ("u1", "v2", "block"),
    ("u1", "v3", "hide"),
    ("u2", "v1", "watch"),
    ("u2", "v2", "block"),
]


def rows(spark: "SparkSession", table: Table, *cells: dict[str, Any]) -> "DataFrame":
    """Rows of a table, null in what is not given."""
    moments = {table.event_time: THEN, table.received_time: THEN}
    schema = pa.schema([field.with_nullable(True) for field in table.schema])
    return spark.createDataFrame(pa.Table.from_pylist([{**moments, **row} for row in cells], schema=schema))


def test_who_follows_or_blocks_a_creator_does_so_for_years(spark: "SparkSession") -> None:
    videos = [{"video_id": f"v{i}", "creator_id": f"c{i}", "category": "music", "regions": []} for i in (1, 2, 3)]
    acts = [
        {"event_id": f"e{i}", "user_id": user, "video_id": video, "action": action}
        for i, (user, video, action) in enumerate(ACTS)
    ]
    events = {
        "engagements": rows(spark, ENGAGEMENTS, *acts),
        "impressions": rows(spark, IMPRESSIONS, {"request_id": "r", "user_id": "u1", "video_id": "v3"}),
    }
    described = {
        "videos": rows(spark, VIDEOS, *videos),
        "users": rows(spark, USERS, {"user_id": "u1"}, {"user_id": "u2"}),
    }
    contributions = contributed(events, described, HOME_FEED_FEATURES, {table.name: table for table in TABLES})
    folded = published_states.fold(contributions, None, CHOICE).collect()
    states = {(row.user_id, row.creator_id): row for row in folded}
    assert set(states) == {("u1", "c1"), ("u1", "c2"), ("u2", "c2")}, "only what was chosen"
    counted = np.array([[row[name] for name in CHOICE.counters] for row in states.values()], dtype=np.float32)
    published = np.array([row.published_at.replace(tzinfo=UTC).timestamp() for row in states.values()])
    later = np.array([(THEN + timedelta(days=8 * 365)).timestamp()])
    decayed = decay(counted, published, later, np.array(CHOICE.half_lives))
    assert (decayed > 0.5).tolist() == [[key == ("u1", "c1"), key != ("u1", "c1")] for key in states]
