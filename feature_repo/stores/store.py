"""The feature store of an installation: opened for a feature set, its definitions applied, its online part filled."""

import warnings
from collections.abc import Sequence
from contextlib import redirect_stdout
from datetime import datetime
from hashlib import sha256
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from feast.infra.registry.file import FileRegistryStore

from feature_repo.definition import FeatureSet
from feature_repo.records import layouts
from feature_repo.stores.checkout import repository_settings
from infra.atomic import atomic_write
from infra.settings import Settings

if TYPE_CHECKING:
    from feast import FeatureStore, RepoConfig

    from feature_repo.records import WriteCounts


class HomeRegistryStore(FileRegistryStore):  # type: ignore[misc]
    """Feast's registry in one file below the home, written in one step: readers never see half of it."""

    def __init__(self, registry_config: Any, repo_path: Path | None) -> None:
        path = repository_settings().home / registry_config.path
        super().__init__(registry_config.model_copy(update={"path": str(path)}), path.parent)
        self._filepath: Path = path

    def _write_registry(self, registry_proto: Any) -> None:
        target: Path = self._filepath
        try:
            with atomic_write(target) as self._filepath:
                super()._write_registry(registry_proto)
        finally:
            self._filepath = target


def quieten() -> None:
    """Silence Feast's warning at each use of a Spark source that it is experimental."""
    import feast.infra.offline_stores.contrib.spark_offline_store.spark  # noqa: F401  it sets a filter of its own

    warnings.filterwarnings("ignore", message="The spark .* is an experimental feature", category=RuntimeWarning)


def configuration(settings: Settings, name: str, as_of: datetime | None = None) -> "RepoConfig":
    """The content of feature_store.yaml, for any feature set and any home."""
    from feast import RepoConfig

    return RepoConfig(
        project=name,
        provider="local",
        registry={
            "registry_store_type": "feature_repo.stores.store.HomeRegistryStore",
            "path": str(settings.home.absolute() / "feast" / f"{name}.db"),
        },
        offline_store={"type": "feature_repo.stores.asof_offline_store.AsofOfflineStore", "settings": settings},
        online_store={
            "type": "feature_repo.stores.packed_online_store.PackedOnlineStore",
            "settings": settings,
            "as_of": as_of,
        },
        batch_engine={"type": "feature_repo.stores.materialization.RecordEngine"},
        entity_key_serialization_version=3,
        auth={"type": "no_auth"},
    )


def open_store(settings: Settings, features: FeatureSet, as_of: datetime | None = None) -> "FeatureStore":
    """The store of a feature set, with its definitions applied; views and services no longer defined are removed.

    `as_of` replaces the current time of its online part, for questions about the past.
    """
    from feature_repo.stores.checked_store import CheckedStore
    from feature_repo.stores.feast_objects import objects, project

    quieten()
    store = CheckedStore(config=configuration(settings, features.name, as_of))
    declared = objects(features, settings.lake)
    described = project(features)
    described.tags = {"definitions": _digest(settings, features)}
    if described.tags not in [p.tags for p in store.registry.list_projects()]:
        with redirect_stdout(StringIO()):
            store.apply([described, *declared], objects_to_delete=_dropped(store, declared), partial=False)
    return store


def materialise(
    store: "FeatureStore", features: FeatureSet, start: datetime, end: datetime, views: Sequence[str] | None = None
) -> dict[str, "WriteCounts"]:
    """Write to the online store what was published in [start, end]; returns the counts of each view's write.

    Windows may overlap: records that are stored already stay. Rows later than `end` are not written.
    """
    names = list(views) if views is not None else list(layouts(features))
    with redirect_stdout(StringIO()):
        store.materialize(start, end, feature_views=names)
    written: dict[str, WriteCounts] = store._get_provider().batch_engine.written
    return {name: written[name] for name in names}


def _dropped(store: "FeatureStore", declared: Sequence[Any]) -> list[Any]:
    """The registered objects that are no longer declared."""
    declared_names = {(type(o).__name__, o.name) for o in declared}
    registered = [*store.list_feature_services(), *store.list_feature_views(), *store.list_entities()]
    return [o for o in (*registered, *store.list_data_sources()) if (type(o).__name__, o.name) not in declared_names]


def _digest(settings: Settings, features: FeatureSet) -> str:
    """A digest of the definitions, of where the rows are, and of the code that makes Feast's objects of them."""
    made_by = Path(__file__).with_name("feast_objects.py").read_bytes()
    return sha256(repr((settings.lake.absolute(), features)).encode() + made_by).hexdigest()
