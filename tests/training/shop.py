"""A small shop of made-up rows: what is good is known, so that what models find can be checked."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from feature_repo.definition import FeatureSet
from feature_repo.request_time import Context
from training.contenders import Boosted, ByColumn, Linear
from training.definition import Exposure, FallbackLists, Outcome, SliceDefinition, Task
from training.judging.replayed import Replayed
from training.rows import dataset
from training.rows.dataset import Dataset
from validation.definition import GateLimits
from validation.gates.evidence import Lineage

START = datetime(2026, 5, 1, tzinfo=UTC)
GROUPS, SIZE = 1500, 6
NAMES = ("rate", "age", "taste", "mood", "place")
FEATURES = FeatureSet(
    name="shop", version=1, owner="tests", entities={}, lookups=(), signals=(), counter_views=(), profile_views=(),
    features=tuple(Context(name, neutral=0.0) for name in NAMES),
)  # fmt: skip
TASK = Task(
    name="shop", decisions="shown", outcomes_in="done", match=(), exact=(), unit="list", cluster="guest", item="ware",
    attribute="kind", target="bought", also=("looked",), logged_only=("place",),
    outcomes=(Outcome("bought", "true", "bought", gain=1), Outcome("looked", "true", "looked at")),
    contenders=(
        ByColumn("popularity", "rate", probability=True), ByColumn("recency", "age", descending=False), Linear(),
        Boosted(params={"eta": 0.2, "max_depth": 4, "max_bin": 64, "nthread": 1}, max_trees=80),
    ),
    fallback_lists=FallbackLists("ware", "wares", "town", "born", ("born", "state"), {"state": "on sale"}),
    slices=(SliceDefinition("town", "town"), SliceDefinition("ware_age", "age", (1.0,), ("new", "old"))), draws=100,
    exposure=Exposure(
        "kind", (SliceDefinition("town", "town"), SliceDefinition("rate", "rate", (0.35,), ("low", "high")))
    ),
)  # fmt: skip
LIMITS = GateLimits(baselines=("popularity", "recency"))


def made(seed: int = 0, bends: bool = True) -> Dataset:
    """Rows whose target follows rate and taste times mood (`bends`), or rate and taste alone."""
    rng = np.random.default_rng(seed)
    rows = GROUPS * SIZE
    group = np.repeat(np.arange(GROUPS), SIZE)
    rate, age = rng.uniform(0.1, 0.6, rows), rng.exponential(2, rows)
    taste, mood = rng.normal(size=rows), np.sign(rng.normal(size=rows))
    place = np.tile(np.arange(SIZE), GROUPS)
    logit = -1.5 + 2 * rate + (1.5 * taste * mood if bends else 1.5 * taste) - 0.4 * place
    bought = (rng.random(rows) < 1 / (1 + np.exp(-logit))).astype(np.float32)
    matrix = np.column_stack([rate, age, taste, mood, place]).astype(np.float32)
    matrix[rng.random(rows) < 0.05, 2] = np.nan
    shown = pd.to_datetime([START + timedelta(minutes=10 * int(g)) for g in group])
    frame = pd.DataFrame({
        "event_timestamp": shown.astype("datetime64[us, UTC]"),
        "list": [f"l{g}" for g in group], "guest": [f"g{g % 300}" for g in group],
        "ware": [f"w{i}" for i in rng.integers(0, 200, rows)], "kind": [f"k{i}" for i in rng.integers(0, 5, rows)],
        "town": [f"t{g % 2}" for g in group], "bought": bought, "looked": np.maximum(bought, rng.random(rows) < 0.3),
        "gain": bought, "fits": True, "judged": True,
    })  # fmt: skip
    known = tuple(Lineage(name, "the request", 0.0) for name in NAMES)
    return dataset.dataset_of(frame, matrix, NAMES, known, dict.fromkeys(NAMES, 0.0))


def served(data: Dataset, rows: NDArray[Any]) -> Replayed:
    """The shop's rows as serving makes them, whatever was planted into the training set."""
    return Replayed(NAMES, made().matrix[rows], np.ones(len(rows), dtype=bool), 0, "made again by the shop")


AT = START + timedelta(days=11)


def wares() -> pd.DataFrame:
    """What is for sale; `w0` is not any more, `w199` is the newest."""
    ids = [f"w{i}" for i in range(200)]
    return pd.DataFrame({"ware": ids, "born": np.arange(200), "state": ["sold out", *["on sale"] * 199]})
