"""Makes item states what Redis holds: everything once, and from then on what its change streams name."""

import time
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from redis import Redis

from feature_repo.records import Layout, Packed, change_positions, read_records_in_parts, record_changes
from serving import metrics
from serving.definition import StateValues
from serving.items.item_states import Codes, ItemStates

USUAL = StateValues()
BATCHES = 20  # of the change stream at once: some 10,000 records
ROUNDS = 50  # of such batches before other views have their turn


class StateWriter:
    """For the one process of a machine that writes; every call reads Redis and raises Unavailable when it is down.

    A view of which Redis suddenly lacks more than half is doubted: a store that lost its memory looks like that, and a
    feed of yesterday's videos is better than none. What Redis still has and what changes is taken, what vanished stays,
    and the states count as old, until Redis has it again or has lacked it for `believe_s`. A view that the disk has no
    room for counts as old, too, and is read again later.
    """

    def __init__(
        self, redis: Redis, layouts: Mapping[str, Layout], states: ItemStates, values: StateValues = USUAL
    ) -> None:  # fmt: skip
        self._redis, self._states, self._values = redis, states, values
        self._layouts = {view: layouts[view] for view in states.views}
        self._noted = states.arrays.open("positions", "S48", len(self._layouts)).values
        self._positions: dict[str, str] = {}
        self._doubts: dict[str, tuple[float, float]] = {}
        self.stopping = False

    def begin(self, *, resume: bool) -> None:
        """Take up writing: `resume` where another process stopped a moment ago, else with everything."""
        noted = [place.decode() for place in self._noted.tolist()]
        self._positions = dict(zip(self._layouts, noted, strict=True)) if resume else {}
        self._states.recount()

    def follow(self) -> None:
        """Catch up with every view."""
        since = time.time()
        unread = [view for view in self._layouts if self._is_unread(view)]
        certain = not unread or self._read_all(unread)
        ends = self._ends(view for view in self._layouts if view not in unread)
        caught_up = [self._follow(view) for view, end in ends.items() if end != self._positions[view]]
        if certain and all(caught_up) and self._doubts.keys().isdisjoint(ends):
            self._states.note_fresh(since)

    def _is_unread(self, view: str) -> bool:
        """Whether all of the view has to be read, for the first time or because it is doubted."""
        look_again, _ = self._doubts.get(view, (np.inf, 0.0))
        return not self._positions.get(view) or time.monotonic() >= look_again

    def _follow(self, view: str) -> bool:
        """Whether the view is now what Redis held a moment ago."""
        for _ in range(ROUNDS):
            before = self._positions[view]
            news = record_changes(self._redis, self._layouts[view], before, BATCHES)
            if not news.complete:
                return self._read_all([view])
            self._take(view, news.records)
            self._stand_at(view, news.position)
            if self.stopping:
                return False
            if news.position == before:
                return view not in self._doubts
        return False

    def _take(self, view: str, records: Packed) -> None:
        metrics.CHANGES.labels(view).inc(len(records.keys))
        if len(records.keys):
            self._states.take(view, records)
        if self._states.arrays.lacked_room:
            now = time.monotonic()
            self._doubts.setdefault(view, (now + self._values.look_again_s, now + self._values.believe_s))

    def _read_all(self, views: Sequence[str]) -> bool:
        """Read all of some views, which costs one look through the store; says whether none is doubted."""
        arrays, lacking = self._states.arrays, set[str]()
        present = {view: np.zeros(self._states.capacity, dtype=np.bool_) for view in views}
        for view in views:
            self._stand_at(view, "")
        positions = self._ends(views)
        before = {view: self._states.rows_with_record(view) for view in views}
        for part in read_records_in_parts(self._redis, [self._layouts[view] for view in views]):
            view, arrays.lacked_room = part.layout.view, False
            present[view][self._states.take(view, part)] = True
            if arrays.lacked_room:
                lacking.add(view)
            if self.stopping:
                return False
        for view in views:
            arrays.lacked_room = view in lacking
            self._forget(view, before[view], present[view])
            self._stand_at(view, positions[view])
        return self._doubts.keys().isdisjoint(views)

    def _forget(self, view: str, before: Codes, present: NDArray[np.bool_]) -> None:
        """Forget the rows with a record before that Redis has none of any more, unless that is doubted."""
        gone, now = before[~present[before]], time.monotonic()
        _, believe = self._doubts.pop(view, (0.0, now + self._values.believe_s))
        lost = 2 * len(gone) > len(before) and now < believe
        if not lost:
            self._states.forget(view, gone)
        if lost or self._states.arrays.lacked_room:
            self._doubts[view] = now + self._values.look_again_s, believe

    def _ends(self, views: Iterable[str]) -> dict[str, str]:
        """Where the change streams of some views end now."""
        layouts = {view: self._layouts[view] for view in views}
        return dict(zip(layouts, change_positions(self._redis, layouts.values()), strict=True)) if layouts else {}

    def _stand_at(self, view: str, position: str) -> None:
        """Where the next look at the change stream begins; noted for a successor only where nothing is doubted."""
        self._positions[view] = position
        self._noted[list(self._layouts).index(view)] = b"" if view in self._doubts else position.encode()
