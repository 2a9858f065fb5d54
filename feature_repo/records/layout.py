"""The layout of the online store: one packed record an entity and view, and its bytes both ways.

    record  layout digest (8) · event time (int64 µs) · created time (int64 µs, 0: not known) · float32s · MessagePack
    place   a view with one key      the string fw:<project>:<view>:<key>
            a view with several keys the field <key>[\\x1f<key>…] of the hash fw:<project>:<view>:<first key>

All records with the same first key are in one place: they are read at once and deleted at once. In keys `\\` and the
separator are escaped, so that (1, 2, 34) and (1, 23, 4) differ. All numbers are little-endian. Nothing here reads or
writes: redis_records.py does.
"""

import hashlib
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import IntEnum
from functools import cached_property
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from feature_repo.counters import Seconds
from feature_repo.definition import TTL, CounterView, FeatureSet, ProfileView
from feature_repo.records.bloom import BLOOM_BITS
from infra.arrays import Float32s
from infra.errors import DefinitionError
from validation.contract import unknown

Key = tuple[str, ...]
SEPARATOR = "\x1f"
HEAD = 24  # bytes before the floats
LONG, REAL = np.dtype("<i8"), np.dtype("<f4")
EMPTY = "0-0"  # position before the first change
_KEY_WORDS = str.maketrans({"\\": "\\\\", SEPARATOR: "\\" + SEPARATOR})
_PACK, _UNPACK = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder().decode


@dataclass(frozen=True)
class Layout:
    """How one view's records are laid out: `floats` in the record's order, `others` maps the rest to Feast type names.

    A record older than `ttl` is stale. One that is not written for as long as `retention` is removed; None: never.
    `ever_done` names those of the floats for which `feature_repo.records.ever_done` stores the pairs.
    """

    project: str
    view: str
    keys: tuple[str, ...]
    floats: tuple[str, ...]
    others: Mapping[str, str] = field(default_factory=dict)
    ttl: timedelta = TTL
    retention: timedelta | None = None
    ever_done: tuple[str, ...] = ()

    @cached_property
    def digest(self) -> bytes:
        """Eight bytes that change whenever a record would have to be read differently."""
        words = msgspec.json.encode([self.keys, self.floats, list(self.others.items())])
        return hashlib.sha256(words).digest()[:8]

    @cached_property
    def head(self) -> "np.dtype[np.void]":
        """The part of a record that has the same length in every record of the view."""
        return np.dtype(
            [("digest", "S8"), ("event", "<i8"), ("created", "<i8"), ("floats", "<f4", (len(self.floats),))]
        )

    @cached_property
    def number(self) -> int:
        """The digest as the whole number that its bytes are."""
        return int.from_bytes(self.digest, "little", signed=True)

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """Every field as `view.field`, in the record's order."""
        return tuple(f"{self.view}.{name}" for name in (*self.floats, *self.others))

    @cached_property
    def prefix(self) -> str:
        """The beginning of the Redis keys of the view's records."""
        return f"fw:{self.project}:{self.view}:"

    @property
    def changes(self) -> str:
        """Key of the stream that names the entities whose records changed; no record's key can be the same."""
        return f"fw:{self.project}:{self.view}!changes"

    def ever_done_key(self, counter: str) -> str:
        """Key of the bits of the pairs for which a counter was ever counted; the key names the filter's size."""
        return f"fw:{self.project}:{self.view}!ever:{counter}:{BLOOM_BITS}"

    @property
    def hashed(self) -> bool:
        """Whether records are fields of hashes, not strings."""
        return len(self.keys) > 1

    def redis_key(self, key: Sequence[object]) -> str:
        """The string that is an entity's record, or the hash that holds it; for a hash the first key is enough."""
        return self.prefix + joined(key[:1])

    def field(self, key: Sequence[object]) -> str:
        """The field of an entity's record in its hash; empty where records are strings."""
        return joined(key[1:])

    def announced(self, key: Sequence[object]) -> str:
        """The name of an entity in the change stream: Redis key and field as one word."""
        return self.prefix + joined(key)

    def entity(self, announced: str) -> Key:
        """The entity of a name in the change stream."""
        return split(announced.removeprefix(self.prefix))

    def entities(self, announced: Sequence[bytes]) -> list[Key]:
        """The entities of many names in the change stream."""
        cut = len(self.prefix.encode())
        words = [name[cut:].decode() for name in announced]
        if self.hashed or b"\\" in b"".join(announced):
            return [split(word) for word in words]
        return [(word,) for word in words]


def joined(key: Sequence[object]) -> str:
    """Some keys as one word."""
    return SEPARATOR.join([str(part).translate(_KEY_WORDS) for part in key])


def split(word: str) -> Key:
    """The keys that a word joins."""
    if "\\" not in word:
        return tuple(word.split(SEPARATOR))
    parts, escaped = [""], False
    for sign in word:
        if escaped or sign not in {"\\", SEPARATOR}:
            parts[-1] += sign
            escaped = False
        elif sign == "\\":
            escaped = True
        else:
            parts.append("")
    return tuple(parts)


def make_layout(
    project: str, view: str, keys: Sequence[str], fields: Mapping[str, str], ttl: timedelta = TTL,
    retention: timedelta | None = None, ever_done: tuple[str, ...] = (),
) -> Layout:  # fmt: skip
    """The layout of a view whose `fields` map names to Feast type names."""
    floats = tuple(name for name, kind in fields.items() if kind == "Float32")
    others = {name: kind for name, kind in fields.items() if kind != "Float32"}
    return Layout(project, view, tuple(keys), floats, others, ttl, retention, ever_done)


def fields_of(features: FeatureSet, view: str) -> Mapping[str, str]:
    """The fields of a counter view or profile view, in order, with their Feast type names."""
    for counters in features.counter_views:
        if counters.name == view:
            return counter_fields(counters.counters)
    for profile in features.profile_views:
        if profile.name == view:
            return {name: kind for name, (kind, _) in profile.fields.items()}
    raise DefinitionError(f"view {unknown(view, layouts(features))}")


def counter_fields(counters: Iterable[str]) -> Mapping[str, str]:
    """The fields of a view that holds these counters."""
    return {**dict.fromkeys(counters, "Float32"), "published_at": "UnixTimestamp"}


def layouts(features: FeatureSet) -> dict[str, Layout]:
    """The layout of every view of a feature set; attributes are valid until they are described again."""
    views: list[CounterView | ProfileView] = [*features.counter_views, *features.profile_views]
    retention = {v.name: features.retention(v) for v in features.counter_views}
    return {
        v.name: make_layout(
            features.name, v.name, v.keys, fields_of(features, v.name),
            features.ttl if v.name in retention else timedelta.max, retention.get(v.name),
            features.ever_done_of(v.name),
        )
        for v in views
    }  # fmt: skip


class Presence(IntEnum):
    """Whether there is a record of an entity, and whether it is usable."""

    MISSING = 0
    PRESENT = 1
    STALE = 2  # older than the view's time to live
    FUTURE = 3  # dated later than now: some clock is wrong; the next record replaces it


@dataclass(frozen=True)
class Packed:
    """The records of some entities, in the order they were asked for.

    values   (rows, floats) float32, NaN where missing or null
    at       (rows,) event time in seconds since the epoch, NaN where missing
    created  (rows,) created time likewise, NaN where missing or not known
    """

    layout: Layout
    keys: Sequence[Key]
    values: Float32s
    at: Seconds
    created: Seconds
    tails: Sequence[bytes | None] = field(repr=False)

    @property
    def present(self) -> NDArray[np.bool_]:
        """(rows,) whether there is a record, however old."""
        return ~np.isnan(self.at)

    def presence(self, now: float) -> NDArray[np.int8]:
        """(rows,) a Presence each, at `now` (seconds since the epoch)."""
        age = now - self.at
        stale = np.where(age > self.layout.ttl.total_seconds(), Presence.STALE, Presence.PRESENT)
        return np.where(np.isnan(age), Presence.MISSING, np.where(age < 0, Presence.FUTURE, stale)).astype(np.int8)

    @cached_property
    def _others(self) -> Sequence[Sequence[Any]]:
        nothing = (None,) * len(self.layout.others)
        return [_UNPACK(tail) if tail is not None else nothing for tail in self.tails]

    def column(self, name: str) -> NDArray[Any]:
        """(rows,) one field: float32, or objects with None where missing; times are µs since the epoch."""
        if name in self.layout.floats:
            return self.values[:, self.layout.floats.index(name)]
        if name not in self.layout.others:
            raise DefinitionError(
                f"view {self.layout.view}: {unknown(name, [*self.layout.floats, *self.layout.others])}"
            )
        place = list(self.layout.others).index(name)
        column = np.empty(len(self.tails), dtype=object)
        column[:] = [row[place] for row in self._others]
        return column


def encode(
    layout: Layout,
    floats: Float32s,
    others: Sequence[Sequence[Any]],
    event_us: NDArray[np.int64],
    created_us: NDArray[np.int64],
) -> list[bytes]:
    """Records of some rows.

    floats             (rows, floats) in the layout's order
    others             a sequence of (rows,) plain values per field of `layout.others`; times as µs since the epoch
    event_us, created  (rows,) µs since the epoch, 0 for a created time that is not known
    """
    heads = np.zeros(len(event_us), dtype=layout.head)
    heads["digest"], heads["event"], heads["created"], heads["floats"] = layout.digest, event_us, created_us, floats
    block, size = heads.tobytes(), layout.head.itemsize
    tails = zip(*others, strict=True) if others else ((),) * len(event_us)
    return [block[i * size : (i + 1) * size] + _PACK(tail) for i, tail in enumerate(tails)]


def decode(layout: Layout, keys: Sequence[Key], records: Sequence[bytes | None]) -> Packed:
    """Records decoded; None and a record of another layout are missing."""
    size, digest = layout.head.itemsize, layout.digest
    readable = [i for i, r in enumerate(records) if r is not None and r[:8] == digest]
    heads = np.frombuffer(b"".join([records[i][:size] for i in readable]), dtype=layout.head)  # type: ignore[index]
    values = np.full((len(records), len(layout.floats)), np.nan, dtype=np.float32)
    at, created = np.full(len(records), np.nan), np.full(len(records), np.nan)
    values[readable] = heads["floats"]
    at[readable] = heads["event"] / 1e6
    created[readable] = np.where(heads["created"] == 0, np.nan, heads["created"] / 1e6)
    tails: list[bytes | None] = [None] * len(records)
    for i in readable:
        tails[i] = records[i][size:]  # type: ignore[index]
    return Packed(layout, keys, values, at, created, tails)


def counted(layout: Layout, records: Sequence[bytes]) -> tuple[Float32s, Seconds]:
    """The floats of records, (rows, floats), and their event times, (rows,): as `decode` gives them, but faster."""
    block, rows, size = b"".join(records), len(records), len(records[0]) if records else 0
    # Two plain views of the bytes: half the cost of one structured view of the heads.
    if layout.head.itemsize <= size and size * rows == len(block) and _alike(layout, block, rows, size):
        values = np.ndarray((rows, len(layout.floats)), REAL, block, HEAD, (size, REAL.itemsize))
        return values.copy(), np.ndarray(rows, LONG, block, 8, (size,)) / 1e6
    packed = decode(layout, [()] * len(records), records)
    return packed.values, packed.at


def _alike(layout: Layout, block: bytes, rows: int, size: int) -> bool:
    """Whether all records of a block have the layout's digest."""
    return bool(np.count_nonzero(np.ndarray(rows, LONG, block, 0, (size,)) == layout.number) == rows)


def plain(layout: Layout, record: bytes | None) -> dict[str, Any]:
    """The fields of one record as `view.field`, None where unknown; nothing for a missing one or another layout's."""
    if record is None or record[:8] != layout.digest:
        return {}
    floats = struct.unpack_from(f"<{len(layout.floats)}f", record, HEAD)
    values = [None if value != value else value for value in floats]  # noqa: PLR0124  NaN differs from itself
    return dict(zip(layout.fields, (*values, *_UNPACK(record[layout.head.itemsize :])), strict=True))
