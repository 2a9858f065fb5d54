"""A club of two tribes who buy wares of their own kind: who should be near whom is known."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from feature_repo.definition import CounterView, FeatureSet, Signal
from feature_repo.request_time import Count
from infra.lake import Lake
from training.definition import Embedding, FallbackLists, Outcome, Task
from training.rows import dataset
from training.rows.dataset import Dataset

START = datetime(2026, 5, 1, tzinfo=UTC)
AT = START + timedelta(days=10)
GUESTS, WARES, ROWS = 60, 40, 4000
FEATURES = FeatureSet(
    name="club", version=1, owner="tests", entities={"guest": "a guest", "kind": "a kind of ware"}, lookups=(),
    signals=(Signal("bought", "done", "it was bought"),), profile_views=(),
    counter_views=(CounterView("guest_kind", ("guest", "kind"), {"bought": ("30d",)}, "what a guest buys"),),
    features=(Count("bought", "guest_kind.bought_30d"),),
)  # fmt: skip
EMBEDDING = Embedding("wares", ("kind", "maker"), "guest_kind.bought_30d", rank=8, rounds=4, k=10)
TASK = Task(
    name="club", decisions="shown", outcomes_in="done", match=(), exact=(), unit="list", cluster="guest", item="ware",
    attribute="kind", target="bought", outcomes=(Outcome("bought", "true", "bought", gain=1),), contenders=(),
    fallback_lists=FallbackLists("ware", "wares", "kind", "born", ("born",)), embedding=EMBEDDING,
)  # fmt: skip


def rows(seed: int = 0) -> Dataset:
    """Ten days in which even guests buy even wares and odd ones odd wares; nobody is ever shown `w38` or `w39`."""
    rng = np.random.default_rng(seed)
    guest, ware = rng.integers(0, GUESTS, ROWS), rng.integers(0, WARES - 2, ROWS)
    at = pd.to_datetime(START) + pd.to_timedelta(np.sort(rng.uniform(0, 9.9 * 86_400, ROWS)), unit="s")
    fits = (guest + ware) % 2 == 0
    gain = np.where(fits & (rng.random(ROWS) < 0.7), 1.0, 0.0).astype(np.float32)
    frame = pd.DataFrame({
        "event_timestamp": at.astype("datetime64[us, UTC]"), "list": [f"l{i // 4}" for i in range(ROWS)],
        "guest": [f"g{i:02d}" for i in guest], "ware": [f"w{i:02d}" for i in ware], "bought": gain, "gain": gain,
        "outcomes_known_at": (at + timedelta(minutes=20)).astype("datetime64[us, UTC]"), "fits": True, "judged": True,
    })  # fmt: skip
    frame.loc[gain == 0, "outcomes_known_at"] = pd.NaT
    return dataset.dataset_of(frame, np.zeros((ROWS, 1), dtype=np.float32), ("bought",), (), {})


def stock(root: Path) -> Lake:
    """A lake in which every ware is described: its kind, and one of ten makers."""
    lake = Lake(root)
    known = pa.array([START - timedelta(days=1)] * WARES, pa.timestamp("us", tz="UTC"))
    described = pa.table({
        "ware": [f"w{i:02d}" for i in range(WARES)], "kind": [("even", "odd")[i % 2] for i in range(WARES)],
        "maker": [f"m{i % 10}" for i in range(WARES)], "event_timestamp": known,
    })  # fmt: skip
    lake.replace("profiles/wares", START.date() - timedelta(days=1), described)
    return lake
