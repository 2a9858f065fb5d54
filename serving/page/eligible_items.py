"""All items that may be shown to somebody, with what sources read of them: what pools are made of."""

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from feature_repo.counters import decay
from infra.arrays import Float32s
from serving.definition import ReleasePolicy
from serving.items import Codes, ItemBlock, ItemStates
from serving.page.eligibility import Filters

AT_ONCE = 1 << 16  # rows looked at between two answers: a few milliseconds, most of them without Python's lock


class EligibleItems:
    """The items that may be shown to somebody: their rows, and the columns that sources read.

    rows     (n,) ascending
    size     one more than the highest row there is
    watched  (n,) the policy's trending counter, decayed to now
    born     (n,) seconds since the epoch, NaN unknown
    """

    def __init__(self, states: ItemStates, policy: ReleasePolicy, filters: Filters, now: float) -> None:
        everything = np.flatnonzero(states.items.known).astype(np.int32)
        reads = [source.reads() for source in policy.sources]
        fields = {policy.born, *(name for read in reads for name in read.attributes)}
        counters = {name for read in reads for name in read.counters}
        parts: dict[str, list[NDArray[Any]]] = {name: [] for name in ("rows", policy.trending, *fields, *counters)}
        for start in range(0, len(everything), AT_ONCE):
            block = states.gather(everything[start : start + AT_ONCE])
            shown = filters.anybody(block)  # columns are cut to these, not the block: its rows are wide
            parts["rows"].append(block.rows[shown])
            parts[policy.trending].append(watched(states, block, policy.trending, now)[shown])
            for name in fields:
                parts[name].append(_known(block.field(name))[shown])
            for name in counters - {policy.trending}:
                parts[name].append(block.counter(name)[shown])
            time.sleep(0)  # lets the thread that answers go first
        self._columns: dict[str, NDArray[Any]] = {
            name: np.concatenate(part) if part else np.zeros(0) for name, part in parts.items()
        }
        self.size = int(everything.max(initial=0)) + 1
        self.rows: Codes = self._columns["rows"]
        self.watched: Float32s = self._columns[policy.trending]
        self.born: NDArray[Any] = self._columns[policy.born]

    def of(self, name: str) -> NDArray[Any]:
        """(n,) a counter as it was published, or the codes of a field."""
        return self._columns[name]


def watched(states: ItemStates, block: ItemBlock, name: str, now: float) -> Float32s:
    """(n,) one counter `view.counter` of some items, decayed to now."""
    view, _, counter = name.partition(".")
    table = states.counters[view]
    column = slice(place := table.view.counters.index(counter), place + 1)
    values, published = block.counters(view)
    return decay(values[:, column], published, np.array([now]), table.half_lives[column])[:, 0]


def _known(column: NDArray[Any] | None) -> NDArray[Any]:
    assert column is not None  # a policy whose fields items do not have is refused (definition.must_fit)
    return column
