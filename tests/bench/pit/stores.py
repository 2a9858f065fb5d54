"""The offline stores that are compared, each opened through Feast's own SDK on the same Parquet files."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from infra import spark
from infra.settings import Settings

PLAIN_JVM = "-Duser.timezone=UTC"  # our options suit short work; Feast's store gets those that Java has by itself
OURS = "feature_repo.stores.asof_offline_store.AsofOfflineStore"
ENTITY_TYPES = {"user": "STRING", "video": "STRING", "category": "STRING", "a": "INT64", "b": "INT64"}


@dataclass(frozen=True, slots=True)
class Store:
    """An offline store: its name on the page, Feast's name for it, its options, and whether it starts a Java."""

    title: str
    kind: str
    options: Mapping[str, str]
    on_spark: bool


STORES = {
    "asof": Store("as-of", OURS, {}, on_spark=False),
    "asof_spark": Store("as-of, made to use Spark", OURS, {"join": "spark"}, on_spark=True),
    "feast_spark": Store("Feast's Spark", "spark", {}, on_spark=True),
    "feast_duckdb": Store("Feast's DuckDB", "duckdb", {}, on_spark=False),
    "feast_file": Store("Feast's file (Dask)", "dask", {}, on_spark=False),
}


@dataclass(frozen=True, slots=True)
class View:
    """A view of the comparison: its file, keys and fields; `created` names a column or is empty."""

    name: str
    path: Path
    keys: tuple[str, ...]
    fields: tuple[str, ...]
    ttl: timedelta
    created: str = ""


def opened(name: str, folder: Path, views: tuple[View, ...], zone: str = "UTC") -> Any:
    """A Feast store of that kind with these views, its registry below `folder`.

    zone  of the Spark session; the as-of store refuses any other than UTC
    """
    from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig, ValueType
    from feast.infra.offline_stores.contrib.spark_offline_store.spark_source import SparkSource
    from feast.types import Float32

    from feature_repo.stores import quieten

    quieten()
    store, settings = STORES[name], Settings(home=folder / "home", spark_memory="4g", spark_shuffle_partitions=8)
    if store.kind == "spark":
        spark.JVM = PLAIN_JVM
    if store.on_spark:
        spark.session(settings).conf.set("spark.sql.session.timeZone", zone)
    options = dict(store.options) | ({"settings": settings} if store.kind == OURS else {})
    feast = FeatureStore(config=RepoConfig(
        project="pit", provider="local", registry=str(folder / f"{name}.db"), entity_key_serialization_version=3,
        offline_store={"type": store.kind, **options},
        online_store={"type": "sqlite", "path": str(folder / f"{name}.online")},
    ))  # fmt: skip

    def source(view: View) -> Any:
        about = {"name": f"{view.name}_rows", "path": str(view.path), "timestamp_field": "event_timestamp",
                 "created_timestamp_column": view.created}  # fmt: skip
        if store.on_spark or store.kind == OURS:
            return SparkSource(file_format="parquet", **about)
        return FileSource(**about)

    keys = dict.fromkeys(key for view in views for key in view.keys)
    entities = {key: Entity(name=key, value_type=ValueType[ENTITY_TYPES[key]]) for key in keys}
    feature_views = [
        FeatureView(
            name=view.name, entities=[entities[key] for key in view.keys], ttl=view.ttl, source=source(view),
            schema=[Field(name=field, dtype=Float32) for field in view.fields],
        )
        for view in views
    ]  # fmt: skip
    feast.apply([*entities.values(), *feature_views])
    return feast
