"""The stream: accepted rows counted once each by the fold, and stored as records until they are due online."""

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from feature_repo.definition import CounterView, FeatureSet, ProfileView
from feature_repo.folding import WHAT, WHO, EventSource, capped_weight, described, sources, weight
from feature_repo.records import joined, layouts, records_of
from feature_repo.stream import micro_batch
from feature_repo.stream.descriptions import Descriptions, keyed, keys_of
from feature_repo.stream.micro_batch import MOMENT
from feature_repo.stream.row_bytes import packed, unpacked
from feature_repo.stream.stream_state import DAY, Micros, StreamState
from infra.marks import Marks, marks
from validation.contract import Table

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

TablesByName = Mapping[str, pa.Table]


class Stream:
    """Adds accepted rows to a stream's state. Call it inside a transaction of that state."""

    def __init__(
        self, spark: "SparkSession", features: FeatureSet, tables: Mapping[str, Table], state: StreamState
    ) -> None:
        self._spark, self._features, self._tables, self._state = spark, features, tables, state
        self._sources = {source.table.name: source for source in sources(features, tables)}
        self._descriptions = Descriptions(features, tables, state)
        self._layouts = layouts(features)

    def already_taken(self, table: Table, rows: pa.Table) -> NDArray[np.bool_]:
        """(rows,) whether a row with this identity was taken before; `rows` needs only the columns of the identity."""
        return self._state.already_taken(_marks(table, rows))

    def remember(self, table: Table, rows: pa.Table) -> None:
        """Note rows as taken."""
        self._state.remember(_marks(table, rows), days_of(table, rows))

    def take(self, accepted: TablesByName, made_at: int, in_base: bool = False) -> None:
        """Take accepted rows, by table, none of which was taken before.

        made_at  the moment that new records say they were created at, in µs
        in_base  whether the base counted these rows already, if they were published before its end
        """
        rows = self._with_waiting_events(accepted, in_base)
        if in_base:
            rows |= {
                name: self._not_counted(source, rows[name]) for name, source in self._sources.items() if name in rows
            }
        events, borrowed = self._ready({name: rows[name] for name in self._sources if name in rows})
        if not any(map(len, events.values())):
            return
        new = micro_batch.contributions(self._spark, events, borrowed, self._features, self._tables)
        if in_base:  # what waited for a description, or was published as the next day began, is not in it
            new = new.filter(pc.greater_equal(new["published_at"].cast(pa.int64()), self._state.base_end))
        sums = micro_batch.sums(self._spark, self._within_cap(new), self._features)
        for view in self._features.counter_views:
            self._count(view, sums[view.name], made_at)

    def _within_cap(self, new: pa.Table) -> pa.Table:
        """What is to be added to be right with the new contributions; stores those that count."""
        if not self._features.capped_signals:
            return new
        before = unpacked(new.schema, self._state.counted(sorted(set(cells_of(new)))))
        changes = micro_batch.within_cap(self._spark, new, before, self._features)
        is_new, counts = _any(changes, weight, self._features), _any(changes, capped_weight, self._features)
        stored = changes.filter(pc.and_(is_new, counts)).select(new.column_names)
        days = (stored["published_at"].cast(pa.int64()).to_numpy() // DAY).tolist()
        self._state.count(zip(cells_of(stored), days, packed(new.schema, stored), strict=True))
        return changes

    def _with_waiting_events(self, accepted: TablesByName, in_base: bool) -> dict[str, pa.Table]:
        """The rows, and the events that waited for descriptions among them; stores the descriptions."""
        rows = {name: [of_table] for name, of_table in accepted.items()}
        for name, of_table in accepted.items():
            for description in self._descriptions.of_table(name):
                keys, descriptions = self._descriptions.take(description, of_table)
                for source, event in self._state.waited(description.name, keys):
                    rows.setdefault(source, []).append(unpacked(self._tables[source].schema, [event]))
                for view in self._features.profile_views:
                    if (view.table, view.keys) == (name, description.keys) and not in_base:
                        self._publish(view, descriptions)
        return {name: pa.concat_tables(parts) for name, parts in rows.items()}

    def _publish(self, view: ProfileView, rows: pa.Table) -> None:
        frame = micro_batch.frame_of(self._spark, rows)
        self._hold(view, described(frame, view, self._tables[view.table]).toArrow())

    def _not_counted(self, source: EventSource, rows: pa.Table) -> pa.Table:
        """Those of the base's rows that it has not counted, since the event or a description was received too late."""
        last = self._state.base_end - self._features.publish_every_s * 1_000_000
        late = rows[source.table.received_time].cast(pa.int64()).to_numpy() >= last
        for lookup in source.lookups:
            keys = keys_of(rows, (lookup.on,))
            known_at = self._state.known_at(self._descriptions.of(lookup.table, (lookup.on,)).name, sorted(set(keys)))
            late |= np.array([known_at.get(key, last) >= last for key in keys], dtype=bool)
        return rows.filter(pa.array(late))

    def _ready(self, events: TablesByName) -> tuple[TablesByName, TablesByName]:
        """The events that lack no description, and the first descriptions; the other events are stored and wait."""
        ready: dict[str, pa.Table] = {}
        borrowed: dict[str, dict[str, bytes]] = {look.table: {} for look in self._features.lookups}
        for name, source in self._sources.items():
            rows = events.get(name, source.table.schema.empty_table())
            for lookup in source.lookups:
                rows = keyed(rows, (lookup.on,))
                described, keys = self._descriptions.of(lookup.table, (lookup.on,)), keys_of(rows, (lookup.on,))
                firsts = self._descriptions.first(described, sorted(set(keys)))
                has_description = pa.array([key in firsts for key in keys], pa.bool_())
                self._park(source, described.name, keys, rows, has_description)
                rows, borrowed[lookup.table] = rows.filter(has_description), borrowed[lookup.table] | firsts
            ready[name] = rows
        firsts_of = {name: list(firsts.values()) for name, firsts in borrowed.items()}
        return ready, {name: unpacked(self._tables[name].schema, firsts) for name, firsts in firsts_of.items()}

    def _park(
        self, source: EventSource, described: str, keys: Sequence[str], rows: pa.Table, has_description: pa.Array
    ) -> None:
        """Store the events whose description is not known yet."""
        wait = np.flatnonzero(~np.asarray(has_description, dtype=bool))
        parked, days = rows.take(wait), days_of(source.table, rows)
        self._state.wait(
            (source.table.name, described, keys[i], int(days[i]), event)
            for i, event in zip(wait.tolist(), packed(source.table.schema, parked), strict=True)
        )

    def _count(self, view: CounterView, sums: pa.Table, made_at: int) -> None:
        sums = micro_batch.moved_up(view, sums, self._state.base_end)
        stored = self._state.states(view.name, sorted(set(keys_of(sums, view.keys))))
        states = micro_batch.published(view, sums, stored)
        self._state.put_states(view.name, micro_batch.by_day(view, sums, stored))
        created = pa.array([made_at] * len(states), pa.int64()).cast(MOMENT)
        self._hold(
            view, states.append_column("event_timestamp", states["published_at"]).append_column("created", created)
        )

    def _hold(self, view: CounterView | ProfileView, rows: pa.Table) -> None:
        records = records_of(self._layouts[view.name], rows, "event_timestamp", "created")
        at = rows["event_timestamp"].cast(MOMENT).cast(pa.int64()).to_pylist()
        self._state.hold(view.name, zip(keys_of(rows, view.keys), at, records, strict=True))


def cells_of(contributions: pa.Table) -> list[str]:
    """The cell of each contribution: its user, its item and the day of its publication, as one word."""
    days = contributions["published_at"].cast(MOMENT).cast(pa.int64()).to_numpy() // DAY
    parts = zip(contributions[WHO].to_pylist(), contributions[WHAT].to_pylist(), days.tolist(), strict=True)
    return [joined((who or "", what or "", str(day))) for who, what, day in parts]


def _any(contributions: pa.Table, column: Callable[[str], str], features: FeatureSet) -> pa.ChunkedArray:
    """Which contributions have a weight in one of these columns."""
    names = [column(signal.name) for signal in features.signals]
    given = [contributions[name].is_valid() for name in names if name in contributions.column_names]
    return reduce(pc.or_, given)


def days_of(table: Table, rows: pa.Table) -> Micros:
    """The day each row was received on, since the epoch."""
    return np.asarray(rows[table.received_time].cast(pa.int64()).to_numpy()) // DAY


def _marks(table: Table, rows: pa.Table) -> Marks:
    """(rows,) the marks of the rows' identities, different between tables."""
    columns = [rows[name].cast(pa.int64()) if pa.types.is_timestamp(rows[name].type) else rows[name]
               for name in table.identity]  # fmt: skip
    named = rows.select([]) if not columns else pa.table(columns, names=list(table.identity))
    return marks([f"{table.name}\x1e{key}" for key in keys_of(named, table.identity)])
