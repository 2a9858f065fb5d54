"""A feature set as Feast's objects: entities, sources, views and one versioned service."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from feast import Entity, FeatureService, FeatureView, Field, Project, PushSource, ValueType
from feast import types as feast_types
from feast.infra.offline_stores.contrib.spark_offline_store.spark_source import SparkSource

from feature_repo.definition import CounterView, FeatureSet, ProfileView
from feature_repo.records import counter_fields
from feature_repo.stores.packed_online_store import EVER_DONE_TAG, RETENTION_TAG
from infra.errors import DefinitionError

EVENT_TIME = "event_timestamp"
CREATED = "created"  # profile views have it; a published state is never corrected, the next one is right
UNTIL_NEXT = timedelta(0)  # Feast's value for no time to live: a description is valid until the next one


def objects(features: FeatureSet, lake_root: Path) -> list[Any]:
    """Everything `feast apply` registers for a feature set whose published rows are below `lake_root`."""
    entities = {name: _entity(features, name, meaning) for name, meaning in features.entities.items()}
    views = [_counters(features, view, entities, lake_root) for view in features.counter_views]
    views += [_profile(features, view, entities, lake_root) for view in features.profile_views]
    sources = [source for view in views for source in (view.stream_source, view.batch_source) if source is not None]
    return [*entities.values(), *sources, *views, _service(features, views)]


def project(features: FeatureSet) -> Project:
    """The Feast project of a feature set."""
    return Project(name=features.name, description=f"features of {features.name}", owner=features.owner)


def _entity(features: FeatureSet, name: str, meaning: str) -> Entity:
    return Entity(
        name=name,
        join_keys=[name],
        value_type=ValueType.STRING,
        description=meaning,
        owner=features.owner,
        tags={"kind": "key"},
    )


def _counters(features: FeatureSet, view: CounterView, entities: Mapping[str, Entity], lake_root: Path) -> FeatureView:
    descriptions = {
        f"{signal}_{label}": f"{features.signal(signal).meaning}; decayed count, half-life {label}"
        for signal, labels in view.counts.items()
        for label in labels
    }
    source = _source(features, view.name, view.meaning, lake_root / "states" / view.name)
    pushed = PushSource(
        name=f"{view.name}_pushed",
        batch_source=source,
        description=f"{view.meaning}, minute by minute",
        owner=features.owner,
    )
    descriptions["published_at"] = "the moment the counters are true for"
    tags = {"kind": "counters", RETENTION_TAG: str(int(features.retention(view).total_seconds()))}
    tags |= {EVER_DONE_TAG: ",".join(ever_done)} if (ever_done := features.ever_done_of(view.name)) else {}
    return _view(features, view, entities, pushed, counter_fields(view.counters), descriptions, tags, features.ttl)


def _profile(features: FeatureSet, view: ProfileView, entities: Mapping[str, Entity], lake_root: Path) -> FeatureView:
    source = _source(features, view.name, view.meaning, lake_root / "profiles" / view.name, created=CREATED)
    fields = {name: kind for name, (kind, _) in view.fields.items()}
    descriptions = {name: f"{sql} of {view.table}" for name, (_, sql) in view.fields.items()}
    tags = {"kind": "profile", "table": view.table}
    return _view(features, view, entities, source, fields, descriptions, tags, UNTIL_NEXT)


def _source(features: FeatureSet, name: str, meaning: str, path: Path, created: str | None = None) -> SparkSource:
    return SparkSource(
        name=f"{name}_rows", path=str(path.absolute()), file_format="parquet", timestamp_field=EVENT_TIME,
        created_timestamp_column=created or "", description=f"{meaning}, as published", owner=features.owner,
    )  # fmt: skip


def _view(
    features: FeatureSet, view: CounterView | ProfileView, entities: Mapping[str, Entity], source: Any,
    fields: Mapping[str, str], descriptions: Mapping[str, str], tags: Mapping[str, str], ttl: timedelta,
) -> FeatureView:  # fmt: skip
    keys = [Field(name=key, dtype=feast_types.String, description=features.entities[key]) for key in view.keys]
    values = [
        Field(name=name, dtype=feast_type(kind), description=descriptions.get(name, ""))
        for name, kind in fields.items()
    ]
    return FeatureView(
        name=view.name, entities=[entities[key] for key in view.keys], ttl=ttl, schema=[*keys, *values],
        source=source, online=True, description=view.meaning, owner=features.owner, tags=dict(tags),
    )  # fmt: skip


def _service(features: FeatureSet, views: list[FeatureView]) -> FeatureService:
    return FeatureService(
        name=features.service, features=list(views), owner=features.owner,
        description=f"what the {features.name} model reads, version {features.version}",
        tags={"version": str(features.version), "features": str(len(features.features))},
    )  # fmt: skip


def feast_type(name: str) -> Any:
    """Feast's type of that name, such as `Float32` or `Array(String)`; raises DefinitionError when there is none."""
    of, _, rest = name.partition("(")
    kind = getattr(feast_types, of, None)
    if kind is None or (of == "Array") != bool(rest):
        raise DefinitionError(f"`{name}` is not a type of Feast's, such as Float32, Int64, String or Array(String)")
    return kind(feast_type(rest.removesuffix(")"))) if rest else kind
