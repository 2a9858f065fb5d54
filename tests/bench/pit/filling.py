"""Filling the online store: the newest row of every entity of a counter view, through Feast's `materialize`."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from feature_repo.definition import CounterView, FeatureSet, Signal
from feature_repo.stores.view_rows import MOMENT
from infra.lake import Lake
from infra.settings import Settings

HALF_LIVES = ("1h", "6h", "1d", "7d")
SIGNALS = ("seen", "watched", "liked")
VIEW = CounterView("by_user", ("user",), dict.fromkeys(SIGNALS, HALF_LIVES), "a user's actions")
FEATURES = FeatureSet(
    name="pit", version=1, owner="tests", entities={"user": "who"}, lookups=(),
    signals=tuple(Signal(name, "events", name) for name in SIGNALS), counter_views=(VIEW,), profile_views=(),
    features=(),
)  # fmt: skip
DAYS = (date(2026, 1, 1), date(2026, 1, 2))
END = datetime(2026, 1, 3, tzinfo=UTC)
ROWS_A_GROUP = 200_000


def write(folder: Path, entities: int) -> None:
    """Publish the states of so many entities: one row of each on either of two days."""
    rng, lake = np.random.default_rng(1), Lake(Settings(home=folder).lake)
    for day in DAYS:
        start = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1e6)
        at = pa.array(start + rng.integers(0, 86_400_000_000, entities)).cast(MOMENT)
        counters = {name: rng.random(entities, dtype=np.float32) for name in VIEW.counters}
        users = pa.array([f"u{i:07d}" for i in range(entities)])
        draft = lake.draft(f"states/{VIEW.name}", day)
        rows = pa.table({"user": users, "event_timestamp": at, "published_at": at, **counters})
        pq.write_table(rows, draft, row_group_size=ROWS_A_GROUP)
        lake.switch(f"states/{VIEW.name}", {day: [draft]})


def run(_: str, folder: Path) -> None:
    """Bring the states online; a count that is not that of the entities is an error."""
    from feature_repo.stores import materialise, open_store

    settings = Settings(home=folder)
    store = open_store(settings, FEATURES, as_of=END)
    written = materialise(store, FEATURES, END - timedelta(days=2), END)[VIEW.name]
    entities = pq.read_metadata(Lake(settings.lake).files(f"states/{VIEW.name}", [DAYS[0]])[0]).num_rows
    if written.accepted != entities:
        raise SystemExit(f"{entities:,} entities were published, {written} came online")
