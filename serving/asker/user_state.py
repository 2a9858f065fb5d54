"""What Redis knows of one asker: profile, counters, tastes and what they were shown, in one round trip."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from math import exp2
from typing import Any, Protocol

import msgspec
import numpy as np

from feature_repo.counters import Seconds
from feature_repo.definition import FeatureSet
from feature_repo.records import SEPARATOR, Layout, counted, joined, plain, seen_prefix, split
from infra.arrays import Float32s, Int32s
from infra.errors import DefinitionError, Unavailable
from infra.loops import loop
from infra.marks import NO_MARKS, Marks
from serving.asker.redis_link import Command
from serving.definition import ServicePolicy
from serving.items import Codes, ItemStates, places_among

MOST_TASTES = 4096  # of one view: more than a person has, and 2 ms to read; the answer says when there were more


class Counted(msgspec.Struct, frozen=True):
    """Counters of a view whose only key is the asker: values (1, counters) float32, at (1,) seconds, NaN for none."""

    values: Float32s
    at: Seconds


class Tastes(msgspec.Struct, frozen=True):
    """Counters that the asker shares with something else, a row each, in any order.

    codes   (rows,) for each of the other keys, in the view's order: the codes that item states have, 0 for not met
    values  (rows, counters) float32
    at      (rows,) seconds since the epoch, NaN for a record that cannot be read
    half_lives  seconds by counter, in the order of `values`
    """

    codes: Sequence[Codes]
    values: Float32s
    at: Seconds
    half_lives: Mapping[str, float]

    def done(self, name: str, now: float, above: float) -> Codes:
        """The codes whose counter, decayed to now, is more than `above` or cannot be read, in any order."""
        codes = np.empty(len(self.at), dtype=np.int32)
        return codes[: _done(self.codes[0], self.values, self.at, *self._decay(name, now), above, codes)]

    def most(self, name: str, now: float, above: float, count: int) -> Codes:
        """At most `count` codes, those whose counter, decayed to now, is largest and more than `above`."""
        codes, worth = np.empty(count, dtype=np.int32), np.empty(count)
        return codes[: _most(self.codes[0], self.values, self.at, *self._decay(name, now), above, codes, worth)]

    def _decay(self, name: str, now: float) -> tuple[int, float, float]:
        """The place of a counter, its half-life and the moment it is decayed to."""
        return list(self.half_lives).index(name), self.half_lives[name], now

    def places(self, keys: Sequence[Codes]) -> Int32s:
        """The row of each combination of codes, given as a column a key; the number of rows for one that has none."""
        own, looked_up = (self.codes[0], keys[0]) if len(keys) == 1 else _numbered(self.codes, keys)
        return places_among(looked_up.astype(np.int64), own.astype(np.int64))


@dataclass(slots=True)
class UserState:
    """One asker. `why` says why the state is neutral or incomplete, None when it is all there is to know.

    profile   attributes by `view.field`, None where unknown
    counters  per view whose only key is the asker and that has a record of them
    mixed     per view the asker shares with something else
    seen      marks of the items they were shown, the newest first
    pages     how many of the newest pages shown hold all that is to be remembered
    vector    their place in the live release's embedding space, None when there is none
    known     False when Redis had no description and no event of theirs; what they were shown does not count
    """

    user: str
    profile: dict[str, Any] = field(default_factory=dict)
    counters: dict[str, Counted] = field(default_factory=dict)
    mixed: dict[str, Tastes] = field(default_factory=dict)
    seen: Marks = field(default_factory=lambda: NO_MARKS)
    pages: int | None = None
    vector: Float32s | None = None
    why: str | None = None
    known: bool = True


class Link(Protocol):
    """What a reader of users asks for records: Redis, or what it once held."""

    async def ask(self, *commands: Command) -> list[Any]:
        """The replies to some commands, sent as one; raises Unavailable when they do not come in time."""

    def tell(self, *commands: Command) -> None:
        """Send commands whose replies nobody waits for."""


class UserReader:
    """Reads the views whose keys hold the asker; raises DefinitionError for one whose first key is another."""

    def __init__(
        self, link: Link, features: FeatureSet, layouts: Mapping[str, Layout], service: ServicePolicy,
        states: ItemStates,
    ):  # fmt: skip
        self._link, self._service, self._states = link, service, states
        own, user = (service.user,), service.user
        self._profiles = [layouts[v.name] for v in features.profile_views if v.keys == own]
        self._counters = [layouts[v.name] for v in features.counter_views if v.keys == own]
        self._mixed = [layouts[v.name] for v in features.counter_views if user in v.keys and v.keys != own]
        for layout in self._mixed:
            if layout.keys[0] != user:
                raise DefinitionError(
                    f"counter view {layout.view}: its first key is `{layout.keys[0]}`, so that what `{user}` shares "
                    f"cannot be read at once. Name `{user}` first."
                )
        self._half_lives = {v.name: dict(zip(v.counters, v.half_lives, strict=True)) for v in features.counter_views}
        self._none = {layout.view: self._tastes(layout, []) for layout in self._mixed}
        self._seen = seen_prefix(features.name, user)

    async def read(self, user: str, vectors: Layout | None = None) -> UserState:
        """The state of a user; neutral, with the reason, when Redis fails. `vectors` is where their vector would be."""
        state, word = UserState(user), joined((user,))
        own = [*self._profiles, *self._counters, *([vectors] if vectors else ())]
        try:
            records, pages, *hashes = await self._link.ask(
                ("MGET", *(layout.prefix + word for layout in own)),
                ("LRANGE", self._seen + user, 0, self._service.remembered - 1),
                *(("HRANDFIELD", layout.prefix + word, MOST_TASTES, "WITHVALUES") for layout in self._mixed),
            )  # fmt: skip
        except Unavailable as failed:
            state.why = str(failed)
            return state
        state.known = any(records) or any(hashes)
        self._describe(state, records)
        if vectors and records[-1]:
            state.vector = _vector(vectors, records[-1])
        for layout, shared in zip(self._mixed, hashes, strict=True):
            state.mixed[layout.view] = self._tastes(layout, shared) if shared else self._none[layout.view]
            if len(shared) == 2 * MOST_TASTES:
                state.why = f"{layout.view}: the user has more than {MOST_TASTES - 1}: some were left out"
        self._recall(state, pages)
        return state

    def remember(self, state: UserState, shown: Marks) -> None:
        """Write what was shown to Redis, for all processes, without waiting for the reply."""
        key = self._seen + state.user
        older = self._service.remembered - 1 if state.pages is None else state.pages
        self._link.tell(
            ("LPUSH", key, shown.astype("<u8").tobytes()),
            ("LTRIM", key, 0, older),
            ("EXPIRE", key, int(self._service.remember_s)),
        )

    def _describe(self, state: UserState, records: Sequence[bytes | None]) -> None:
        for layout, record in zip(self._profiles, records, strict=False):
            state.profile |= plain(layout, record)
        for layout, record in zip(self._counters, records[len(self._profiles) :], strict=False):
            if record:
                state.counters[layout.view] = Counted(*counted(layout, [record]))

    def _tastes(self, layout: Layout, shared: Sequence[bytes]) -> Tastes:
        """What a hash holds, fields and records in turn."""
        others, fields = layout.keys[1:], shared[::2]
        text = SEPARATOR.encode().join(fields).decode()
        words = text.split(SEPARATOR) if "\\" not in text else [w for field in fields for w in split(field.decode())]
        words = words if fields else []
        codes = [self._states.words[key].find_all(words[i :: len(others)]) for i, key in enumerate(others)]
        values, at = counted(layout, shared[1::2])
        return Tastes(codes, values, at, self._half_lives[layout.view])

    def _recall(self, state: UserState, pages: Sequence[bytes]) -> None:
        block, most = b"".join(pages), self._service.remembered
        state.seen = np.frombuffer(block[: len(block) // 8 * 8], dtype="<u8")[:most]
        state.pages = bisect_left(list(accumulate(map(len, pages))), most * 8) + 1


@loop("int64(read(int32[:]), read(float32[:, :]), read(float64[:]), int64, float64, float64, float64, int32[:])")
def _done(
    codes: Codes, values: Float32s, at: Seconds, place: int, half_life: float, now: float, above: float, done: Codes
) -> int:  # fmt: skip
    count = 0
    for i in range(len(codes)):
        decayed = values[i, place] * exp2(max(now - at[i], 0.0) / -half_life)
        if not decayed <= above:
            done[count] = codes[i]
            count += 1
    return count


@loop(
    "int64(read(int32[:]), read(float32[:, :]), read(float64[:]), int64, float64, float64, float64, int32[:], "
    "float64[:])"
)
def _most(
    codes: Codes, values: Float32s, at: Seconds, place: int, half_life: float, now: float, above: float, largest: Codes,
    worth: Seconds,
) -> int:  # fmt: skip
    count = 0
    if len(largest) == 0:
        return 0
    for i in range(len(codes)):
        decayed = values[i, place] * exp2(max(now - at[i], 0.0) / -half_life)
        if codes[i] > 0 and decayed > above and (count < len(largest) or decayed > worth[count - 1]):
            count = min(count + 1, len(largest))
            here = count - 1
            while here > 0 and worth[here - 1] < decayed:
                worth[here] = worth[here - 1]
                largest[here] = largest[here - 1]
                here -= 1
            worth[here] = decayed
            largest[here] = codes[i]
    return count


def _numbered(own: Sequence[Codes], looked_up: Sequence[Codes]) -> tuple[Codes, Codes]:
    """One number for each combination of several codes, the same in both; 0 where one of the codes is 0."""
    both = np.concatenate([np.stack(own, axis=1), np.stack(looked_up, axis=1)])
    numbers = np.unique(both, axis=0, return_inverse=True)[1].reshape(-1) + 1
    alike: Codes = np.where((both == 0).any(axis=1), 0, numbers).astype(np.int32)
    return alike[: len(own[0])], alike[len(own[0]) :]


def _vector(layout: Layout, record: bytes) -> Float32s | None:
    values, at = counted(layout, [record])
    return None if np.isnan(at[0]) else values[0]  # a record of another layout
