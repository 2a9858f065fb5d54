"""What a point-in-time join depends on, as a key: with the same key it gives the same answers."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from feature_repo.definition import FeatureSet
from feature_repo.stores.asof_offline_store import AsofOfflineStoreConfig
from feature_repo.stores.view_rows import ViewRows, rows_of

if TYPE_CHECKING:
    from feast import FeatureStore

LIBRARIES = ("feast", "numpy", "pandas", "pyarrow")
ALWAYS = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """A live file of a view, and the times of the rows in it.

    Another one replaces it; retention takes from it only rows that are too old for an answer.
    """

    words: str
    first: datetime
    last: datetime
    ttl: timedelta

    def may_answer(self, asked_from: datetime, asked_until: datetime) -> bool:
        """Whether a question of this time can be answered with a row of the file."""
        return self.first <= asked_until and (not self.ttl or self.last >= asked_from - self.ttl)


@dataclass(frozen=True, slots=True)
class JoinKey:
    """The definitions, the code and the published files of a feature set, as they are at a moment."""

    always: str
    files: tuple[PublishedFile, ...]

    def of(self, asked_from: datetime, asked_until: datetime) -> str:
        """The key of a join whose questions are of this time, both ends included."""
        words = (file.words for file in self.files if file.may_answer(asked_from, asked_until))
        return hashlib.sha256("\n".join([self.always, *sorted(words)]).encode()).hexdigest()


def join_key(store: "FeatureStore", features: FeatureSet) -> JoinKey | None:
    """The key of joins through this store, as it is now; None where another store joins or a view is not in files."""
    config = store.config.offline_store
    if not isinstance(config, AsofOfflineStoreConfig):
        return None
    names = {view.name for view in features.counter_views} | {view.name for view in features.profile_views}
    views = [view for view in store.list_feature_views() if view.name in names]
    files: list[PublishedFile] = []
    for rows in (rows_of(view, [field.name for field in view.features]) for view in views):
        paths = rows.local_files()
        if paths is None:
            return None
        files += _published(rows, paths)
    described = [
        repr(features),
        config.join,
        *(f"{name} {version(name)}" for name in LIBRARIES),
        *_code(Path(__file__)),
    ]
    return JoinKey(hashlib.sha256("\n".join(described).encode()).hexdigest(), tuple(files))


def _published(rows: ViewRows, paths: Sequence[Path]) -> Iterator[PublishedFile]:
    for path in paths:
        words = f"{rows.view} {path.parent.name}/{path.name}"
        if not path.parent.name.startswith("day="):  # no file of the lake, which gives no name twice
            about = path.stat()
            words += f" {about.st_size} {about.st_mtime_ns}"
        yield PublishedFile(words, *_times(path, rows.time), rows.ttl)


def _times(path: Path, column: str) -> tuple[datetime, datetime]:
    """The first and last value of a column of moments, from the file's statistics; all time where they do not say."""
    metadata = pq.read_metadata(path)
    place = metadata.schema.to_arrow_schema().get_field_index(column)
    groups = [metadata.row_group(i).column(place).statistics for i in range(metadata.num_row_groups)]
    if place < 0 or not groups or not all(group is not None and group.has_min_max for group in groups):
        return ALWAYS
    moments = [moment.replace(tzinfo=moment.tzinfo or UTC) for group in groups for moment in (group.min, group.max)]
    return min(moments), max(moments)


def _code(beside: Path) -> list[str]:
    """A digest of each module of the store, in the order of their names."""
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(beside.parent.glob("*.py"))]
