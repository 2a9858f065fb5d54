"""How fresh the states are that served requests really read, from the notes of what was brought online when."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import msgspec
import numpy as np
import pyarrow.compute as pc
import pyarrow.dataset as ds

from infra.arrays import Int64s
from infra.freshness import MICROS, Freshness
from infra.lake import days_from
from orchestration.observed import MOMENT, brought_online, freshness_trained_with
from orchestration.records_as_of import PUBLISHED
from orchestration.system import Installation
from serving.feedback import RELEASE, RUNG
from serving.page import FULL, STALE

LOOKED_BACK = timedelta(days=3)  # another way of working counts once most rows were served by it
LEAST = 100  # served rows from which on they say how an installation works
ASSUMED = (
    "assumed, as `flywheel stream` does it, since hardly any row was served yet: each state as soon as it is published"
)


@dataclass(frozen=True, slots=True)
class ServedMoments:
    """When rows were ranked by a release, and what was online then; all in microseconds since the epoch.

    at     (rows,) when each was shown
    until  (rows,) up to which publications were online then
    done   (rows,) since when they were
    next   (rows,) up to which they were online after the next time; that of the newest, as long after as it has lasted
    """

    at: Int64s
    until: Int64s
    done: Int64s
    next: Int64s

    def freshness(self) -> Freshness | None:
        """The rhythm in which states came online around these rows; None for fewer than `LEAST` of them."""
        if len(self.at) < LEAST:
            return None
        every = int(np.median(self.next - self.until))
        phase = int(np.median(self.until % every)) if every else 0
        after = max(0, int(np.median(self.done - self.until)))  # two clocks may differ: never what is still to come
        first, last = (datetime.fromtimestamp(int(at) / MICROS, UTC).date() for at in (self.at[0], self.at[-1]))
        basis = f"measured at {len(self.at):,} rows served from {first} to {last}"
        return Freshness(every / MICROS, after / MICROS, phase / MICROS, basis)


def freshness_to_train_with(installation: Installation) -> Freshness:
    """How fresh the states are that serving has read lately; before anything was served, what is assumed.

    Whatever days are trained on: the model will be served with what the installation brings online now. While the
    rhythm is that of the live release, its numbers are kept: days that were joined for it need not be joined again.
    """
    today = installation.now().date()
    measured = served_moments(installation, today - LOOKED_BACK, today).freshness()
    if measured is None:
        return Freshness(basis=ASSUMED)
    before = freshness_trained_with(installation, installation.registry.live())
    return msgspec.structs.replace(before, basis=f"{measured.basis}, as before") if measured.near(before) else measured


def served_moments(installation: Installation, first: date, last: date) -> ServedMoments:
    """The rows that a release ranked on some days, in order of time; those before anything was online are left out."""
    at = np.sort(np.concatenate([np.empty(0, np.int64), *_shown(installation, first, last)]))
    notes = brought_online(installation)
    notes = notes.assign(until=notes["until"].cummax()).drop_duplicates("until")
    until, done = (notes[name].dt.as_unit("us").astype("int64").to_numpy() for name in ("until", "done_at"))
    place = np.searchsorted(done, at, side="right") - 1
    at, place = at[place >= 0], place[place >= 0]
    lasts = int(_micros(installation.as_of(last)) - done[-1]) if len(done) else 0
    following = np.append(until[1:], until[-1:] + max(lasts, int(until[-1] - until[-2]) if len(until) > 1 else 0))
    return ServedMoments(at, until[place], done[place], following[place])


def publications(installation: Installation, first: date, last: date) -> dict[str, Int64s]:
    """View → the moments at which something of it was published on some days, in microseconds since the epoch."""
    features, lake = installation.system.features, installation.lake
    tables = {view.name: f"states/{view.name}" for view in features.counter_views}
    tables |= {view.name: f"profiles/{view.name}" for view in features.profile_views}
    days = days_from(first, last)
    moments = {}
    for view, table in tables.items():
        rows = lake.read(table, [day for day in lake.days(table) if day in days], [PUBLISHED])
        published = pc.unique(pc.cast(rows[PUBLISHED], MOMENT)).to_numpy(zero_copy_only=False) if len(rows) else []
        moments[view] = np.sort(np.asarray(published, dtype="datetime64[us]").astype(np.int64))
    return moments


def _shown(installation: Installation, first: date, last: date) -> Iterator[Int64s]:
    table = installation.tables[installation.system.task.decisions]
    if not {RELEASE, RUNG} <= {column.name for column in table.columns}:
        return
    name, days = f"tables/{table.name}", days_from(first, last)
    where = ds.field(RELEASE).is_valid() & ds.field(RUNG).isin([FULL, STALE])
    for day in (day for day in installation.lake.days(name) if day in days):
        rows = installation.lake.read(name, [day], [table.event_time], where, schema=table.schema)
        yield pc.cast(rows[table.event_time], MOMENT).to_numpy().astype("datetime64[us]").astype(np.int64)


def _micros(moment: datetime) -> int:
    return int(moment.timestamp() * MICROS)
