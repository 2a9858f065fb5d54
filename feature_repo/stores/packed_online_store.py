"""Feast's online store over packed records: what serving reads without Feast, `get_online_features` reads here."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Literal

import numpy as np
from feast.infra.online_stores.online_store import OnlineStore
from feast.protos.feast.serving.ServingService_pb2 import FieldStatus
from feast.protos.feast.types.Value_pb2 import Value
from feast.repo_config import FeastConfigBaseModel
from feast.type_map import feast_value_type_to_python_type, python_values_to_proto_values
from pydantic import Field
from redis import Redis

from feature_repo.records import (
    Key,
    Layout,
    Presence,
    connect,
    delete_view,
    encode,
    make_layout,
    read_records,
    write_records,
)
from feature_repo.stores.checkout import repository_settings
from infra.clock import Clock
from infra.settings import Settings, utc

RETENTION_TAG = "kept_s"  # tag of a view: seconds, as `Layout.retention`
EVER_DONE_TAG = "ever"  # tag of a view: names with commas between them, as `Layout.ever_done`
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@cache
def _clock(replay_from: datetime | None) -> Clock:
    """One clock for each process, however often Feast reads its configuration."""
    return Clock(replay_from)


class PackedOnlineStoreConfig(FeastConfigBaseModel):  # type: ignore[misc]
    """Where the store is: at `redis_url`, or where the settings say; `as_of` replaces the current time."""

    type: Literal["feature_repo.stores.packed_online_store.PackedOnlineStore"] = (
        "feature_repo.stores.packed_online_store.PackedOnlineStore"
    )
    redis_url: str | None = Field(None, repr=False)
    as_of: datetime | None = None
    settings: Settings = Field(default_factory=repository_settings)

    def now(self) -> datetime:
        """The installation's current time: the clock's, or that of the events it replays."""
        if self.as_of:
            return utc(self.as_of)
        return datetime.fromtimestamp(_clock(self.settings.replay_from).now(), UTC)


class PackedOnlineStore(OnlineStore):  # type: ignore[misc]
    """The online store that feature_store.yaml names."""

    def __init__(self) -> None:
        self._client: Redis | None = None

    def client(self, config: Any) -> Redis:
        """The connection to Redis."""
        if self._client is None:
            online = config.online_store
            self._client = connect(online.redis_url or online.settings.redis_url)
        return self._client

    def online_write_batch(
        self, config: Any, table: Any, data: Sequence[tuple[Any, dict[str, Any], datetime, datetime | None]],
        progress: Callable[[int], Any] | None,
    ) -> None:  # fmt: skip
        """Write rows, the newest is kept; rows dated in the future are refused."""
        laid_out = view_layout(config, table)
        keys = [entity_key(laid_out, key) for key, _, _, _ in data]
        plain = [{name: _plain(value) for name, value in values.items()} for _, values, _, _ in data]
        floats = np.array([[_number(row.get(name)) for name in laid_out.floats] for row in plain], dtype=np.float32)
        others = [[row.get(name) for row in plain] for name in laid_out.others]
        events = np.array([_micros(event) for _, _, event, _ in data], dtype=np.int64)
        created = np.array([_micros(created_at) if created_at else 0 for _, _, _, created_at in data], dtype=np.int64)
        records = encode(laid_out, floats.reshape(len(data), len(laid_out.floats)), others, events, created)
        write_records(self.client(config), laid_out, keys, records, now=config.online_store.now())
        if progress:
            progress(len(data))

    def online_read(
        self, config: Any, table: Any, entity_keys: Sequence[Any], requested_features: Sequence[str] | None = None
    ) -> list[tuple[datetime | None, dict[str, Any] | None]]:
        """The records of some entities; one that is too old, or from the future, has its time but no values."""
        laid_out = view_layout(config, table)
        packed = read_records(self.client(config), laid_out, [entity_key(laid_out, key) for key in entity_keys])
        usable = packed.presence(config.online_store.now().timestamp()) == Presence.PRESENT
        names = requested_features or [f.name for f in table.features]
        columns = {name: _messages(table, name, packed.column(name)) for name in names}
        pairs = zip(packed.at, packed.present, strict=True)
        times = [EPOCH + timedelta(seconds=at) if is_present else None for at, is_present in pairs]
        return [(at, {n: columns[n][i] for n in names} if usable[i] else None) for i, at in enumerate(times)]

    def _read_features_per_fv(self, config: Any, grouped_refs: Any, *arguments: Any, **named: Any) -> None:
        """Feast's own reading, which sets two states of a value, then corrected to the four that there are."""
        super()._read_features_per_fv(config, grouped_refs, *arguments, **named)
        response = named.get("online_features_response") or arguments[2]
        for column in response.results:
            column.statuses[:] = map(_status, column.statuses, column.values, column.event_timestamps)

    def update(
        self, config: Any, tables_to_delete: Sequence[Any], tables_to_keep: Sequence[Any],
        entities_to_delete: Sequence[Any], entities_to_keep: Sequence[Any], partial: bool,
    ) -> None:  # fmt: skip
        """Remove the records of views that are no longer defined."""
        for table in tables_to_delete:
            delete_view(self.client(config), view_layout(config, table))

    def teardown(self, config: Any, tables: Sequence[Any], entities: Sequence[Any]) -> None:
        """Remove the records of every view."""
        self.update(config, tables, [], entities, [], partial=False)


def view_layout(config: Any, view: Any) -> Layout:
    """The layout of a Feast view's records."""
    fields = {f.name: str(f.dtype) for f in view.features}
    keys, retention_s = [c.name for c in view.entity_columns], view.tags.get(RETENTION_TAG)
    return make_layout(
        config.project,
        view.name,
        keys,
        fields,
        view.ttl or timedelta.max,
        timedelta(seconds=int(retention_s)) if retention_s else None,
        tuple(filter(None, view.tags.get(EVER_DONE_TAG, "").split(","))),
    )


def entity_key(laid_out: Layout, message: Any) -> Key:
    """The key in Feast's message, in the layout's order."""
    values = dict(zip(message.join_keys, message.entity_values, strict=True))
    return tuple(str(feast_value_type_to_python_type(values[name])) for name in laid_out.keys)


def _plain(message: Any) -> Any:
    value = feast_value_type_to_python_type(message)
    return _micros(value) if isinstance(value, datetime) else value


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)


def _micros(moment: datetime) -> int:
    return (utc(moment) - EPOCH) // timedelta(microseconds=1)


def _messages(view: Any, name: str, column: Any) -> list[Any]:
    """Feast's messages of one field; null for what is missing or not a number."""
    kind = next(f.dtype for f in view.features if f.name == name).to_value_type()
    with_value = [i for i, v in enumerate(column) if v is not None and v == v]  # noqa: PLR0124  NaN is not itself
    values = [column[i].item() if isinstance(column[i], np.generic) else column[i] for i in with_value]
    if kind.name == "UNIX_TIMESTAMP":
        values = [EPOCH + timedelta(microseconds=v) for v in values]
    messages = [Value()] * len(column)
    for i, message in zip(with_value, python_values_to_proto_values(values, kind) if values else [], strict=True):
        messages[i] = message
    return messages


def _status(status: int, value: Any, at: Any) -> int:
    if status == FieldStatus.NOT_FOUND and (at.seconds or at.nanos):
        return int(FieldStatus.OUTSIDE_MAX_AGE)
    if status == FieldStatus.PRESENT and value.WhichOneof("val") is None:
        return int(FieldStatus.NULL_VALUE)
    return status
