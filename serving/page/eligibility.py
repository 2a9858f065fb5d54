"""Eligibility: what may be shown to whom, after every source, on every rung; what is unknown is not shown."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from feature_repo.records import bloom_holds
from infra.arrays import Bools
from infra.loops import loop
from infra.marks import NO_MARKS, Marks, marks
from serving.filters import AtMost, Filter, NotBlocked, OneOf, Reaches
from serving.items import Codes, ItemBlock, ItemStates, places_among

AskerAttributes = Mapping[str, Any]
ANYBODY = object()  # the key of an asker who may see whatever somebody may see
NONE: Codes = np.zeros(0, dtype=np.int32)


class Filters:
    """The filters of one policy over the items in memory. Whether a word passes is computed once and remembered."""

    def __init__(self, filters: Sequence[Filter], states: ItemStates) -> None:
        self.states = states
        self._by_word = [WordFilter(rule, states) for rule in filters if not isinstance(rule, NotBlocked)]
        self._blocking = [rule for rule in filters if isinstance(rule, NotBlocked)]

    def anybody(self, block: ItemBlock) -> Bools:
        """(n,) whether the item may be shown to any asker at all."""
        return self._mask(block, None, {})

    def mask(self, block: ItemBlock, asker: AskerAttributes, blocked: Mapping[str, Codes]) -> Bools:
        """(n,) whether each item may be shown to the asker; `blocked` has codes of what they blocked, by counter."""
        return self._mask(block, asker, blocked)

    def allow(self, attributes: Mapping[str, Any], asker: AskerAttributes, blocked: Mapping[str, Codes]) -> bool:
        """Whether an item that is not in memory may be shown; its attributes are named without their view."""
        return all(words.allow(attributes, asker) for words in self._by_word) and all(
            self._is_free(rule, attributes, blocked.get(rule.counter)) for rule in self._blocking
        )

    def ever_blocked(self, block: ItemBlock, asker: Marks) -> Bools:
        """(n,) whether the asker of this mark (1,) may ever have blocked each item, by the Bloom filters."""
        blocked = np.zeros(len(block.rows), dtype=np.bool_)
        for rule in self._blocking:
            vocabulary = self.states.vocabulary(rule.field)
            if vocabulary is not None:
                others = vocabulary.marks(_codes(block, self.states, rule.field))
                blocked |= bloom_holds(self.states.ever[rule.counter].values, asker, others)
        return blocked

    def ever_blocked_by(self, attributes: Mapping[str, Any], asker: Marks) -> bool:
        """The same for an item that is not in memory."""
        return any(
            bloom_holds(self.states.ever[rule.counter].values, asker, marks([str(attributes[_own(rule.field)])]))
            for rule in self._blocking
        )

    def _mask(self, block: ItemBlock, asker: AskerAttributes | None, blocked: Mapping[str, Codes]) -> Bools:
        allowed = block.known
        for words in self._by_word:
            words.refuse(block, asker, allowed)
        for rule in self._blocking:
            _refuse_blocked(_codes(block, self.states, rule.field), blocked.get(rule.counter, NONE), allowed)
        return allowed

    def _is_free(self, rule: NotBlocked, attributes: Mapping[str, Any], blocked: Codes | None) -> bool:
        word, vocabulary = attributes.get(_own(rule.field)), self.states.vocabulary(rule.field)
        if word is None or vocabulary is None:
            return False
        # A word never met here has code 0, and so has whatever the asker blocked that was never met here.
        return blocked is None or vocabulary.find(word) not in blocked


class WordFilter:
    """Which words of a field pass a filter, one array for each kind of asker; it grows with the vocabulary."""

    def __init__(self, rule: Filter, states: ItemStates) -> None:
        self._rule, self._states, self._vocabulary = rule, states, states.vocabulary(rule.field)
        self._masks: dict[Hashable, Bools] = {}
        self._places: set[Hashable] = set()
        self._met = 0

    def refuse(self, block: ItemBlock, asker: AskerAttributes | None, allowed: Bools) -> None:
        """Set `allowed` (n,) to False where the word does not pass; in a field that has no words none does."""
        codes = _codes(block, self._states, self._rule.field)
        words = [None] if self._vocabulary is None else self._vocabulary.words
        if isinstance(self._rule, Reaches) and self._met < len(words):
            self._places.update(place for word in words[self._met :] for place in word or ())
            self._met = len(words)
        key = _kind(self._rule, asker, self._places)
        passing = self._masks.get(key)
        if passing is None or len(passing) <= len(words):
            judged = [] if passing is None else passing[:-1].tolist()
            judged += [_passes(self._rule, word, key) for word in words[len(judged) :]]
            passing = np.array([*judged, False])  # the last is for words that another process has added since
            self._masks[key] = passing
        _refuse_unless(codes, passing, allowed)

    def allow(self, attributes: Mapping[str, Any], asker: AskerAttributes) -> bool:
        """Whether the word among an item's attributes passes."""
        word = attributes.get(_own(self._rule.field))
        return _passes(self._rule, word, _kind(self._rule, asker, word or ()))


class Eligibility(msgspec.Struct, frozen=True):
    """What one asker may be shown: what passes the filters, without what they blocked or were shown lately.

    blocked  codes of what the asker blocked, by the counter that says so
    seen     marks of what was shown
    unread   the asker's mark (1,) where not all they blocked was read: then the Bloom filters decide
    """

    filters: Filters
    asker: AskerAttributes
    blocked: Mapping[str, Codes] = msgspec.field(default_factory=dict)
    seen: Marks = msgspec.field(default_factory=lambda: NO_MARKS)
    unread: Marks | None = None

    def mask(self, block: ItemBlock) -> Bools:
        """(n,) whether each item may be shown."""
        allowed = self.filters.mask(block, self.asker, self.blocked)
        if len(self.seen):
            allowed &= places_among(block.marks.view(np.int64), self.seen.view(np.int64)) == len(self.seen)
        if self.unread is not None:
            allowed &= ~self.filters.ever_blocked(block, self.unread)
        return allowed

    def allow(self, mark: int, attributes: Mapping[str, Any]) -> bool:
        """Whether an item that is known only by its mark and attributes may be shown."""
        if mark in self.seen or not self.filters.allow(attributes, self.asker, self.blocked):
            return False
        return self.unread is None or not self.filters.ever_blocked_by(attributes, self.unread)

    def again(self) -> "Eligibility":
        """The same, with what was shown already."""
        return Eligibility(self.filters, self.asker, self.blocked, unread=self.unread)


def _codes(block: ItemBlock, states: ItemStates, name: str) -> Codes:
    """(n,) the code of each item's word; 0, unknown, for a field that has no words."""
    codes = block.field(name) if states.vocabulary(name) is not None else None
    return np.zeros(len(block.rows), dtype=np.int32) if codes is None else codes


def _own(name: str) -> str:
    return name.partition(".")[2]


def _kind(rule: Filter, asker: AskerAttributes | None, places: Any) -> Hashable:
    """The kind of asker that a filter distinguishes: few, whatever words requests send."""
    match rule:
        case Reaches():
            if asker is None:
                return ANYBODY
            place = asker.get(rule.attribute)
            return place if place in places else None
        case AtMost():
            if asker is None:
                return len(rule.order) - 1
            reached = asker.get(rule.attribute)
            return rule.order.index(reached) if reached in rule.order else 0
    return None


def _passes(rule: Filter, word: Any, kind: Hashable) -> bool:
    if word is None:
        return False
    match rule:
        case OneOf(values=values):
            return word in values
        case Reaches():
            return len(word) == 0 or kind is ANYBODY or kind in word
        case AtMost(order=order):
            return word in order and isinstance(kind, int) and order.index(word) <= kind
    return False


@loop("int64(read(int32[:]), read(boolean[:]), boolean[:])")
def _refuse_unless(codes: Codes, passing: Bools, allowed: Bools) -> int:
    """Refuse those whose word does not pass; the last of `passing` is for all later words.

    A code below 0 is no word's: it would count from the end.
    """
    for i in range(len(allowed)):
        allowed[i] = allowed[i] and codes[i] >= 0 and passing[min(codes[i], len(passing) - 1)]
    return 0


@loop("int64(read(int32[:]), read(int32[:]), boolean[:])")
def _refuse_blocked(codes: Codes, blocked: Codes, allowed: Bools) -> int:
    """Refuse those whose word is unknown or blocked."""
    for i in range(len(allowed)):
        allowed[i] = allowed[i] and codes[i] > 0
        for k in range(len(blocked)):
            allowed[i] = allowed[i] and codes[i] != blocked[k]
    return 0
