"""A day as monitoring sees it costs a day, however long the installation has been running."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa

from infra.settings import Settings
from orchestration.observed import RELEASE, Observed
from orchestration.system import Installation
from orchestration.systems.home_feed import HOME_FEED
from training.rows import dataset
from validation.systems.home_feed import IMPRESSIONS

DAY = date(2026, 5, 3)


def shown(day: date, release: str) -> pa.Table:
    moment = datetime(day.year, day.month, day.day, 10, tzinfo=UTC)
    rows = [
        {"request_id": f"r{i}", "video_id": "v", "user_id": "u", "event_time": moment, "received_at": moment,
         "device": "phone", "variant": "x", "release": release, "served_by": "full", "served_features": [0.5]}
        for i in range(3)
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=IMPRESSIONS.schema)


def test_only_the_day_is_read_of_what_was_served(settings: Settings) -> None:
    at = Installation(HOME_FEED, settings)
    at.lake.append("tables/impressions", DAY, shown(DAY, "7"))
    at.lake.append("tables/impressions", DAY + timedelta(days=1), shown(DAY + timedelta(days=1), "8"))
    # the same requests, long ago: with these rows read the day would have two answers each, were they readable at all
    for days_ago in (1, 30):
        at.lake.append("tables/impressions", DAY - timedelta(days=days_ago), pa.table({"request_id": [1]}))
    keys = shown(DAY, "7").select([*IMPRESSIONS.key, "event_time"]).to_pandas()
    frame = keys.rename(columns={"event_time": "event_timestamp"})
    observed_rows = dataset.dataset_of(pd.DataFrame(frame), np.zeros((3, 1), np.float32), ("x",), (), {})
    dataset.save_dataset(at.lake, f"observed-{DAY}", observed_rows)
    loaded = Observed.load(at, DAY)
    assert loaded is not None
    assert loaded.served[RELEASE].tolist() == ["7", "7", "7"]
