"""Feast's offline and online store: point-in-time joins, materialisation, agreement of the two."""

from feature_repo.stores.agreement import compare
from feature_repo.stores.checkout import repository_settings
from feature_repo.stores.feast_objects import objects, project
from feature_repo.stores.join_keys import JoinKey, join_key
from feature_repo.stores.moments import with_moments
from feature_repo.stores.store import materialise, open_store, quieten

__all__ = [
    "JoinKey",
    "compare",
    "join_key",
    "materialise",
    "objects",
    "open_store",
    "project",
    "quieten",
    "repository_settings",
    "with_moments",
]
