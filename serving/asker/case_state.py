"""What Redis knows of one case: every state whose keys the request gives, in one round trip."""

import logging
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isnan
from typing import Any

from feature_repo.definition import CounterView, FeatureSet, ProfileView
from feature_repo.records import Layout, counted, joined, layouts, plain
from infra.errors import DefinitionError, Unavailable
from serving.asker import recent
from serving.asker.redis_link import Command
from serving.asker.user_state import Counted, Link
from validation.contract import unknown

Given = Mapping[str, Any]
REMEMBERED = (
    50_000  # entities whose borrowed words are known here, about 15 MiB; the one unused for longest is forgotten
)

log = logging.getLogger(__name__)


@dataclass(slots=True)
class CaseState:
    """What is known of one case. `why` says why the state is neutral, None when it is all there is to know.

    at        the moment of the case: of the clock, moved on by microseconds where another case has the same
    counters  per view that has a record
    fields    attributes by `view.field`
    recent    values of `Recent` features by their names
    extra     replies to the commands that came with the question
    """

    at: float
    counters: dict[str, Counted] = field(default_factory=dict)
    fields: dict[str, Any] = field(default_factory=dict)
    recent: dict[str, float] = field(default_factory=dict)
    extra: Sequence[Any] = ()
    why: str | None = None


@dataclass(frozen=True, slots=True)
class _View:
    """A view, and where each of its keys comes from: a column of the request, or a field of a profile."""

    layout: Layout
    is_profile: bool
    keys: tuple[tuple[str, str], ...]  # (column of the request, borrowed field or "")

    @property
    def borrows(self) -> bool:
        return any(borrowed for _, borrowed in self.keys)


class CaseReader:
    """Reads the views whose keys a request gives or its entities' profiles do.

    What a `Lookup` borrows never changes: it is remembered here, so that a second round trip is needed only for the
    first case of an entity, and only where a view has a borrowed key. Raises DefinitionError for a view that features
    read and no request can name.
    """

    def __init__(self, link: Link, features: FeatureSet, columns: Sequence[str], *, counts: bool = True) -> None:
        self._link = link
        self._windows = recent.windows(features) if counts else ()
        laid_out = layouts(features)
        read = {name.partition(".")[0] for feature in features.features for name in feature.reads()}
        views: list[_View] = []
        every: list[ProfileView | CounterView] = [*features.profile_views, *features.counter_views]
        for view in every:
            sources = {key: _source(features, key, columns) for key in view.keys}
            missing = [key for key, source in sources.items() if source is None]
            if missing and view.name in read:
                raise _unreachable(view, missing[0], columns)
            if not missing:
                known = tuple(source for source in sources.values() if source is not None)
                views.append(_View(laid_out[view.name], isinstance(view, ProfileView), known))
        self._direct = [view for view in views if not view.borrows]
        self._borrowing = [view for view in views if view.borrows]
        self._words: OrderedDict[tuple[str, str], Any] = OrderedDict()

    async def read(
        self, case: str, given: Given, now: float, claim: Sequence[Command] = (), extra: Sequence[Command] = (), *,
        adds: bool = True,
    ) -> CaseState:  # fmt: skip
        """The state of a case; neutral, with the reason, when Redis fails or has what nobody can read.

        `claim` of the case's key and `extra` are commands asked with it, whose replies are the state's `extra`; a case
        that only looks `adds` nothing to what is counted.
        """
        state = CaseState(now)
        counting = [window for window in self._windows if given.get(window.by) is not None]
        borrowing = [view for view in self._borrowing if self._key(view, given) is not None]
        later = [view for view in self._borrowing if view not in borrowing]
        views = [view for view in self._direct if self._key(view, given) is not None] + borrowing
        before = (*claim, *extra)
        first = [recent.command(counting, case, given, now, adds=adds, claim=next(iter(claim), ()))] if counting else []
        asked, places = self._commands(views, given)
        try:
            replies = await self._link.ask(*before, *first, *asked)
            state.extra, replies = replies[: len(before)], replies[len(before) :]
            if counting:
                state.at, state.recent = recent.moment(replies[0]), recent.counts(counting, replies[0])
            self._take(state, views, _records(replies[len(first) :], places), given)
            later = [view for view in later if self._key(view, given) is not None]
            if later:
                asked, places = self._commands(later, given)
                self._take(state, later, _records(await self._link.ask(*asked), places), given)
        except Unavailable as failed:
            state.why = str(failed)
        except Exception as odd:  # of what is stored there: it costs the states, neither the rules nor the score
            log.exception("the states of a case cannot be read")
            state = CaseState(state.at, extra=state.extra, why=f"states cannot be read: {type(odd).__name__}")
        return state

    def note(self, case: str, given: Given, now: float) -> None:
        """Count a case whose states are not read, without waiting for it."""
        counting = [window for window in self._windows if given.get(window.by) is not None]
        if counting:
            self._link.tell(recent.command(counting, case, given, now))

    def _key(self, view: _View, given: Given) -> tuple[str, ...] | None:
        """The key of the view's record; None where a part of it is not known."""
        words = []
        for column, borrowed in view.keys:
            word = given.get(column)
            if word is not None and borrowed:
                word = self._words.get((borrowed, str(word)))
            if word is None:
                return None
            words.append(str(word))
        return tuple(words)

    def _commands(self, views: Sequence[_View], given: Given) -> tuple[list[Command], list[int]]:
        """Commands that read these views' records, strings all at once; and the place of each view's record."""
        strings: list[str] = []
        hashed: list[Command] = []
        places = []
        for view in views:
            key, layout = self._key(view, given) or (), view.layout
            if layout.hashed:
                places.append(-1 - len(hashed))
                hashed.append(("HGET", layout.redis_key(key), layout.field(key)))
            else:
                places.append(len(strings))
                strings.append(layout.prefix + joined(key))
        return [*([("MGET", *strings)] if strings else []), *hashed], [
            place if place >= 0 else len(strings) - 1 - place for place in places
        ]

    def _take(self, state: CaseState, views: Sequence[_View], records: Sequence[bytes | None], given: Given) -> None:
        for view, record in zip(views, records, strict=True):
            if record is None:
                continue
            if view.is_profile:
                fields = plain(view.layout, record)
                state.fields |= fields
                self._note(view, fields, given)
            else:
                values, at = counted(view.layout, [record])
                if not isnan(at[0]):  # a record of another layout
                    state.counters[view.layout.view] = Counted(values, at)

    def _note(self, view: _View, fields: Mapping[str, Any], given: Given) -> None:
        """Remember the fields of a profile that other views have among their keys."""
        for name in {borrowed for other in self._borrowing for _, borrowed in other.keys if borrowed in fields}:
            word = fields[name]
            if word is not None:
                key = (name, str(given[view.keys[0][0]]))
                self._words[key] = word
                self._words.move_to_end(key)
        while len(self._words) > REMEMBERED:
            self._words.popitem(last=False)


def _source(features: FeatureSet, key: str, columns: Sequence[str]) -> tuple[str, str] | None:
    """Where a key comes from: the request's column of that name, else what a lookup borrows, as a profile has it."""
    if key in columns:
        return key, ""
    for lookup in features.lookups:
        if key in lookup.columns and lookup.on in columns:
            for view in features.profile_views:
                if view.table == lookup.table and view.keys == (lookup.on,) and key in view.fields:
                    return lookup.on, f"{view.name}.{key}"
    return None


def _unreachable(view: CounterView | ProfileView, key: str, columns: Sequence[str]) -> DefinitionError:
    return DefinitionError(
        f"view {view.name}: no request gives its key: {unknown(key, columns)} Log it as a column of the decisions, or, "
        "where a lookup borrows it, name it as a field of the profile view of that table."
    )


def _records(replies: Sequence[Any], places: Sequence[int]) -> list[bytes | None]:
    """The record of each view among the replies: those of strings come together, first."""
    each: list[Any] = []
    for reply in replies:
        each += reply if isinstance(reply, list) else [reply]
    return [each[place] for place in places]
