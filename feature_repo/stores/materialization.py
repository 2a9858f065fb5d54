"""How Feast fills the online store: the newest row of each entity, from Arrow columns into packed records.

Feast's own engine first turns every single value into a message.
"""

from collections.abc import Sequence
from typing import Any, Literal

import pyarrow as pa
from feast.infra.common.materialization_job import MaterializationJob, MaterializationJobStatus
from feast.infra.compute_engines.base import ComputeEngine
from feast.repo_config import FeastConfigBaseModel

from feature_repo.records import WriteCounts, records_of, write_records
from feature_repo.stores.asof_offline_store import latest
from feature_repo.stores.packed_online_store import view_layout
from feature_repo.stores.view_rows import CREATED, TIME, rows_of

AT_ONCE = 100_000  # records that are in memory at one time: two million and their keys would take 500 MiB


class RecordEngineConfig(FeastConfigBaseModel):  # type: ignore[misc]
    """Nothing to choose."""

    type: Literal["feature_repo.stores.materialization.RecordEngine"] = (
        "feature_repo.stores.materialization.RecordEngine"
    )


class WrittenView(MaterializationJob):  # type: ignore[misc]
    """The job of a view; it exists when the view was written."""

    def __init__(self, job: str) -> None:
        super().__init__()
        self._job = job

    def status(self) -> MaterializationJobStatus:
        """Always succeeded: a failure raises."""
        return MaterializationJobStatus.SUCCEEDED

    def error(self) -> BaseException | None:
        """None."""
        return None

    def should_be_retried(self) -> bool:
        """Never: the next window overlaps this one."""
        return False

    def job_id(self) -> str:
        """View and window."""
        return self._job

    def url(self) -> str | None:
        """None."""
        return None


class RecordEngine(ComputeEngine):  # type: ignore[misc]
    """The batch engine that feature_store.yaml names; `written` has the counts of each view's last write."""

    def __init__(self, **options: Any) -> None:
        options.pop("type", None)
        super().__init__(**options)
        self.written: dict[str, WriteCounts] = {}

    def update(self, *_: Any, **__: Any) -> None:
        """Nothing has to be prepared."""

    def teardown_infra(self, *_: Any, **__: Any) -> None:
        """Nothing was prepared."""

    def _materialize_one(self, registry: Any, task: Any, **_: Any) -> MaterializationJob:
        view, config = task.feature_view, self.repo_config
        rows = rows_of(view, [f.name for f in view.features])
        newest = latest(config.offline_store, rows, task.start_time, task.end_time)
        self.written[view.name] = self._write(view, list(rows.keys), newest, task)
        return WrittenView(f"{view.name} {task.start_time:%Y-%m-%dT%H:%M}/{task.end_time:%Y-%m-%dT%H:%M}")

    def _write(self, view: Any, keys: Sequence[str], newest: pa.Table, task: Any) -> WriteCounts:
        laid_out = view_layout(self.repo_config, view)
        redis, written = self.online_store.client(self.repo_config), WriteCounts()
        for start in range(0, len(newest), AT_ONCE):
            part = newest.slice(start, AT_ONCE)
            entities = list(zip(*(part[key].cast(pa.string()).to_pylist() for key in laid_out.keys), strict=True))
            records = records_of(laid_out, part, TIME, CREATED)
            written += write_records(redis, laid_out, entities, records, now=task.end_time)
        return written
