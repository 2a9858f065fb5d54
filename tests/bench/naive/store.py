"""The naive stack's feature store: Feast with its own Redis online store, filled through the SDK."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd

SETTINGS = """project: naive
provider: local
registry:
  path: registry.db
  cache_mode: thread
  cache_ttl_seconds: 300
online_store:
  type: redis
  connection_string: "{redis}"
entity_key_serialization_version: 3
"""
OF_USER = 10  # so many of the columns are the user's, the others the video's


def fill(folder: Path, redis: str, columns: list[str], matrix: Any, users: list[str], videos: list[str]) -> None:
    """Make the store in a folder and write a row a user and a row a video into it.

    redis   host:port,db=n as Feast wants it
    matrix  (rows, columns) the model's input to cut rows from
    """
    from feast import Entity, FeatureService, FeatureStore, FeatureView, Field, FileSource
    from feast.types import Float32
    from feast.value_type import ValueType

    (folder / "feature_store.yaml").write_text(SETTINGS.format(redis=redis))
    (folder / "columns.txt").write_text("\n".join(columns))
    (folder / "videos.txt").write_text("\n".join(videos))
    store = FeatureStore(repo_path=str(folder))
    views, entities_made = [], []
    for key, names, entities, part in (
        ("user_id", columns[:OF_USER], users, matrix[: len(users), :OF_USER]),
        ("video_id", columns[OF_USER:], videos, matrix[: len(videos), OF_USER:]),
    ):
        rows = pd.DataFrame(part, columns=names).assign(**{key: entities, "event_timestamp": pd.Timestamp.now("UTC")})
        path = folder / f"{key}.parquet"
        rows.to_parquet(path)
        entities_made.append(Entity(name=key, join_keys=[key], value_type=ValueType.STRING))
        view = FeatureView(
            name=f"of_{key}",
            entities=[entities_made[-1]],
            schema=[Field(name=name, dtype=Float32) for name in names],
            source=FileSource(path=str(path), timestamp_field="event_timestamp"),
            ttl=timedelta(days=90),
        )
        views.append((view, rows))
    feature_views = [view for view, _ in views]
    store.apply([*entities_made, *feature_views, FeatureService(name="ranking", features=feature_views)])
    for view, rows in views:
        store.write_to_online_store(view.name, rows)
