"""What Redis knows of one asker: profile, counters, tastes and what they were shown, in one round trip each."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from feature_repo.counters import decay
from feature_repo.definition import CounterView, FeatureSet
from feature_repo.record_layout import Layout, Packed, decode
from serving.definition import Policy
from serving.item_states import ItemStates
from serving.redis_link import RedisLink
from validation.errors import Unavailable

MOST_GROUPS = 64
Pair = tuple[int, ...]


@dataclass(slots=True)
class UserState:
    """One asker. `why` says why the state is neutral or incomplete, None when it is all there is to know.

    profile  attributes by `view.field`
    counters a single row per view whose only key is the asker
    mixed    per view shared with something else: the row of each combination of the other keys' codes, and the rows
    """

    user: str
    profile: dict[str, Any] = field(default_factory=dict)
    counters: dict[str, Packed] = field(default_factory=dict)
    mixed: dict[str, tuple[dict[Pair, int], list[Packed]]] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    why: str | None = None


class UserReader:
    """Reads the views whose keys hold the asker."""

    def __init__(
        self, link: RedisLink, features: FeatureSet, layouts: Mapping[str, Layout], policy: Policy, states: ItemStates
    ):
        self._link, self._policy, self._states = link, policy, states
        own = (policy.user,)
        profiles = [layouts[v.name] for v in features.profile_views if v.keys == own]
        self._own = [*profiles, *(layouts[v.name] for v in features.counter_views if v.keys == own)]
        self.mixed: dict[str, CounterView] = {
            v.name: v for v in features.counter_views if policy.user in v.keys and v.keys != own
        }
        self._layouts = layouts
        self._seen = f"fw:{features.name}!seen:"

    async def read(self, user: str) -> UserState:
        """The asker's own views, tastes and what they were shown; neutral, with the reason, when Redis fails."""
        state = UserState(user)
        taste = self._policy.affinity.partition(".")[0]
        groups = self._groups() if taste in self.mixed else []
        keys = [layout.redis_key((user,)) for layout in self._own]
        wanted = self._wanted(taste, user, groups)
        try:
            records, seen, *shared = await self._link.ask(
                ("MGET", *keys), ("LRANGE", self._seen + user, 0, self._policy.remembered), *wanted
            )
        except Unavailable as failed:
            state.why = str(failed)
            return state
        for layout, record in zip(self._own, records, strict=False):
            self._take(state, decode(layout, [(user,)], [record]))
        self._add(state, taste, groups, *shared)
        state.seen = {item.decode() for item in seen}
        return state

    async def read_mixed(self, state: UserState, wanted: Mapping[str, Sequence[Pair]]) -> None:
        """Add the combinations with the candidates' own keys that are not there yet."""
        missing = {
            view: [pair for pair in pairs if pair not in state.mixed.get(view, ({},))[0]]
            for view, pairs in wanted.items()
        }
        missing = {view: pairs for view, pairs in missing.items() if pairs}
        if not missing or state.why:
            return
        try:
            found = await self._link.ask(
                *(c for v, pairs in missing.items() for c in self._wanted(v, state.user, pairs))
            )
        except Unavailable as failed:
            state.why = str(failed)
            return
        for (view, pairs), records in zip(missing.items(), found, strict=True):
            self._add(state, view, pairs, records)

    def remember(self, user: str, items: Iterable[str]) -> None:
        """Note what was shown, for every process that asks this Redis; nobody waits for it."""
        key = self._seen + user
        self._link.tell(
            ("LPUSH", key, *items),
            ("LTRIM", key, 0, self._policy.remembered),
            ("EXPIRE", key, int(self._policy.remember_s)),
        )

    def tastes(self, state: UserState, now: float) -> list[int]:
        """Codes of the groups the asker likes, most liked first."""
        view, _, counter = self._policy.affinity.partition(".")
        lookup, found = state.mixed.get(view, ({}, []))
        if not found:
            return []
        table, place = self.mixed[view], self.mixed[view].counters.index(counter)
        half_lives = np.array(table.half_lives)[place : place + 1]
        liked = decay(found[0].values[:, place : place + 1], found[0].at, np.array([now]), half_lives)[:, 0]
        best = np.argsort(-liked, kind="stable")[: self._policy.groups]
        pairs = list(lookup)
        return [pairs[i][0] for i in best if liked[i] > 0]

    def _groups(self) -> list[Pair]:
        vocabulary = self._states.vocabulary(self._policy.group)
        return [(code,) for code in range(1, min(len(vocabulary), MOST_GROUPS + 1))] if vocabulary else []

    def _wanted(self, view: str, user: str, pairs: Sequence[Pair]) -> list[tuple[str, ...]]:
        if not pairs or view not in self.mixed:
            return []
        layout, names = self._layouts[view], self.mixed[view].keys
        words = [self._states.words[name].words if name != self._policy.user else None for name in names]
        made = []
        for pair in pairs:
            codes = iter(pair)
            made.append(layout.field([user if known is None else known[next(codes)] for known in words]))
        return [("HMGET", layout.redis_key((user,)), *made)]

    def _take(self, state: UserState, record: Packed) -> None:
        view = record.layout.view
        state.counters[view] = record
        for name in (*record.layout.floats, *record.layout.others) if record.present[0] else ():
            value = record.column(name)[0]
            state.profile[f"{view}.{name}"] = None if value is None or value != value else value  # NaN is unknown  # noqa: PLR0124

    def _add(self, state: UserState, view: str, pairs: Sequence[Pair], records: Sequence[bytes | None] = ()) -> None:
        if not pairs:
            return
        lookup, found = state.mixed.setdefault(view, ({}, []))
        start = len(lookup)
        lookup.update((pair, start + i) for i, pair in enumerate(pairs))
        found.append(decode(self._layouts[view], [()] * len(pairs), records))
