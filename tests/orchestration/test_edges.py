"""What is not known means one thing everywhere: in labels, counters, profiles, served features and slices."""

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from feature_repo.feature_values import value
from feature_repo.folding.contributions import contributions, read_accepted_rows, weight
from feature_repo.folding.profiles import described, publish_profiles
from feature_repo.records.from_arrow import records_of
from feature_repo.records.layout import decode, layouts
from feature_repo.request_time import Inputs
from feature_repo.systems.home_feed import HOME_FEED_FEATURES
from infra.lake import Lake
from training.definition import SliceDefinition
from training.fitting.train import sliced
from training.rows import labels
from training.systems.home_feed import TASK
from validation.batches.intake import delivered_from_jsonl, ingest
from validation.contract import Table
from validation.systems.home_feed import TABLES

NOON = datetime(2026, 5, 30, 12, tzinfo=UTC)
DAY, BEFORE = NOON.date(), NOON - timedelta(days=20)
BY_NAME = {table.name: table for table in TABLES}


@dataclass(frozen=True)
class Edge:
    """A video's description and a watch of it, and what follows; None: unknown, or not counted at all."""

    long_view: float
    completed: float | None = None
    length: float | None = 20.0
    language: float | None = 1.0
    length_class: str = "to_30s"
    video: dict[str, Any] | None = None
    watch: dict[str, Any] | None = None
    before_s: float = 0.0


UNKNOWN_LENGTH: dict[str, Any] = {"length": None, "length_class": "unknown"}
EDGES = {
    "watched to its end": Edge(1, completed=1.0),
    "watched for no second": Edge(0, completed=0.0, watch={"watch_seconds": 0}),
    "no length, no second": Edge(0, video={"duration_s": None}, watch={"watch_seconds": 0}, **UNKNOWN_LENGTH),
    "length 0, no second": Edge(0, video={"duration_s": 0}, watch={"watch_seconds": 0}, **UNKNOWN_LENGTH),
    "no length, 20 s": Edge(0, video={"duration_s": None}, **UNKNOWN_LENGTH),
    "length 0, 20 s": Edge(0, video={"duration_s": 0}, **UNKNOWN_LENGTH),
    "length 0, 40 s": Edge(1, video={"duration_s": 0}, watch={"watch_seconds": 40}, **UNKNOWN_LENGTH),
    "the player says no": Edge(0, completed=1.0, watch={"long_view": False}),
    "length 0, the player says yes": Edge(1, video={"duration_s": 0}, watch={"long_view": True}, **UNKNOWN_LENGTH),
    "another language": Edge(1, completed=1.0, language=0.0, video={"language": "fr"}),
    "no known language": Edge(1, completed=1.0, language=None, video={"language": "und"}),
    "50 ms before it was shown": Edge(1, completed=1.0, before_s=0.05),
    "in whole seconds": Edge(1, completed=1.0, before_s=0.5),
    "as far before as a door takes": Edge(1, completed=1.0, before_s=60.0),
    "an empty request": Edge(1, completed=1.0, watch={"request_id": ""}),
}
TOO_EARLY = "before that"
BY_LENGTH = SliceDefinition("length", "video_duration", (1.0,), ("short", "long"))
FEATURES = {feature.name: feature for feature in HOME_FEED_FEATURES.features}


def test_labels_counters_profiles_features_and_slices_agree_on_every_edge(spark: Any, tmp_path: Path) -> None:
    lake = delivered(tmp_path, {**EDGES, TOO_EARLY: Edge(0, before_s=61.0)})
    label = labels.build_labels(spark, lake, TASK, HOME_FEED_FEATURES, BY_NAME, NOON + timedelta(days=1), DAY, DAY)
    label = label.set_index("video_id")
    counted = contributions(spark, lake, HOME_FEED_FEATURES, BY_NAME, DAY, DAY).toPandas()
    counted = counted.groupby("video_id").sum(min_count=1, numeric_only=True)
    video, user = (record(spark, lake, view) for view in HOME_FEED_FEATURES.profile_views)
    for name, edge in EDGES.items():
        online = {f"video_profile.{field}": of[name] for field, of in video.items()}
        online["user_profile.language"] = user["language"]["u"]
        duration, same_language = (
            feature(name_of_feature, online) for name_of_feature in ("video_duration", "same_language")
        )
        values_seen = {
            "label": label["long_view"][name],
            "counter": value_or_none(counted[weight("long_view")].get(name)) or 0.0,
            "measured": value_or_none(counted[weight("measured")].get(name)),
            "completed": value_or_none(counted[weight("completed")].get(name)),
            "length": (value_or_none(label["duration_s"][name]), value_or_none(video["duration_s"][name])),
            "class": (label["length_class"][name], video["length_class"][name]),
            "duration": duration,
            "same language": same_language,
            "slice is unknown": sliced(np.array([duration], dtype=object), BY_LENGTH)[0] == "unknown",
        }
        assert values_seen == {
            "label": edge.long_view,
            "counter": edge.long_view,
            "measured": None if edge.completed is None else 1.0,
            "completed": edge.completed,
            "length": (edge.length, edge.length),
            "class": (edge.length_class, edge.length_class),
            "duration": None if edge.length is None else pytest.approx(np.log1p(edge.length)),
            "same language": edge.language,
            "slice is unknown": edge.length is None,
        }, name
    assert label["long_view"][TOO_EARLY] == 0, "it is an outcome of no showing: no service takes it, a file may hold it"
    assert counted[weight("long_view")][TOO_EARLY] == 1, "and an action of the user like one without any showing"


def test_what_nobody_has_described_is_published_as_that(spark: Any, tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    assert publish_profiles(spark, lake, HOME_FEED_FEATURES, BY_NAME, DAY, DAY) == {
        "video_profile": 0,
        "user_profile": 0,
    }
    assert set(lake.read("profiles/user_profile").column_names) >= {"user_id", "region", "event_timestamp", "created"}


def delivered(folder: Path, edges: dict[str, Edge]) -> Lake:
    """A lake in which one user was shown a video of each kind, half a second after a full one, and watched it."""
    lake, shown = Lake(folder), NOON + timedelta(seconds=0.5)
    rows: dict[str, list[dict[str, Any]]] = {table.name: [] for table in TABLES}
    # fmt: off
    rows["users"] = [
        {"user_id": "u", "signup_at": BEFORE, "region": "de", "language": "de", "device": "phone", "status": "active",
         "event_time": BEFORE}]
    for number, (name, edge) in enumerate(edges.items()):
        rows["videos"].append(
            {"video_id": name, "creator_id": "c", "category": "k", "duration_s": 20, "language": "de", "regions": [],
             "uploaded_at": BEFORE, "status": "live", "age_rating": "0", "event_time": BEFORE, **(edge.video or {})})
        rows["impressions"].append(
            {"request_id": f"r{number}", "video_id": name, "user_id": "u", "device": "phone", "variant": "x",
             "position": 1, "event_time": shown})
        rows["engagements"].append(
            {"event_id": f"e{number}", "request_id": f"r{number}", "user_id": "u", "video_id": name, "action": "watch",
             "watch_seconds": 20, "event_time": shown - timedelta(seconds=edge.before_s), **(edge.watch or {})})
    # fmt: on
    for table in TABLES:
        deliver(lake, table, rows[table.name])
    return lake


def deliver(lake: Lake, table: Table, rows: list[dict[str, Any]]) -> None:
    """Ingest rows, received five minutes after they happened."""
    lines = [
        json.dumps({**row, "received_at": row["event_time"] + timedelta(minutes=5)}, default=datetime.isoformat)
        for row in rows
    ]
    content = delivered_from_jsonl(table, "\n".join(lines).encode())
    line = ingest(lake, table, content, NOON + timedelta(days=1), "b", history=True)
    assert line.accepted == len(rows)


def record(spark: Any, lake: Lake, view: Any) -> dict[str, dict[str, Any]]:
    """Field → entity → what a service reads of the view's online record."""
    table = BY_NAME[view.table]
    rows = described(read_accepted_rows(spark, lake, table, [date(2026, 5, 10)]), view, table).toArrow()
    layout, keys = layouts(HOME_FEED_FEATURES)[view.name], rows[view.keys[0]].to_pylist()
    packed = decode(layout, [(key,) for key in keys], records_of(layout, rows, "event_timestamp", "created"))
    return {name: dict(zip(keys, packed.column(name).tolist(), strict=True)) for name in view.fields}


def feature(name: str, fields: dict[str, Any]) -> float | None:
    """A feature's value of one row, as training and serving both make it; None where it is unknown."""
    columns = {field: np.array([content], dtype=object) for field, content in fields.items()}
    values, _ = value(FEATURES[name], Inputs(1, np.array([NOON.timestamp()]), {}, columns, {}))  # type: ignore[arg-type]
    return value_or_none(values[0])


def value_or_none(content: Any) -> Any:
    """The value, None for every way to write that it is unknown."""
    return None if content is None or pd.isna(content) else content
