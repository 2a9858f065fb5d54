"""Two made-up systems that rank nothing: payments that may be fraud, and trips that take some minutes."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from feature_repo.definition import FeatureSet
from feature_repo.request_time import Context
from training.contenders import Boosted, ByColumn, Linear
from training.definition import Outcome, SliceDefinition, Task
from training.objectives import Classify, Costs, Objective, Regress
from training.rows import dataset
from training.rows.dataset import Dataset
from validation.definition import Cap, GateLimits
from validation.gates.evidence import Lineage

START = datetime(2026, 5, 1, tzinfo=UTC)
CASES = 6_000
TREES = Boosted(params={"eta": 0.2, "max_depth": 4, "max_bin": 64, "nthread": 1}, max_trees=60)


def features(*names: str) -> FeatureSet:
    return FeatureSet(
        name="decisions", version=1, owner="tests", entities={}, lookups=(), signals=(), counter_views=(),
        profile_views=(), features=tuple(Context(name, neutral=0.0) for name in names),
    )  # fmt: skip


def task(name: str, target: str, first: ByColumn, objective: Objective, **more: Any) -> Task:
    return Task(
        name=name, decisions="cases", outcomes_in="done", match=(), exact=(), unit="case", cluster="who", target=target,
        outcomes=(Outcome(target, "true", "what happened"),), contenders=(first, Linear("line"), TREES), draws=60,
        slices=(SliceDefinition("town", "town"),), objective=objective, **more,
    )  # fmt: skip


PAYMENT_FEATURES, TRIP_FEATURES = features("amount", "risk", "night"), features("route", "rain", "hour")
PAYMENTS = task(
    "payments", "fraud", ByColumn("rules", "amount"),
    Classify(Costs(missed=1.0, friction=4.0, handling=1.0), amount="amount", counted="who", queue=20),
)  # fmt: skip
PAYMENT_LIMITS = GateLimits(
    baselines=("rules",), champion_margin=0.05, max_share_of_perfect=0.9, slice_margin=0.5,
    caps=(Cap("false_positive_rate", at_most=0.2),),
)  # fmt: skip
TRIPS = task("trips", "minutes", ByColumn("base", "route", probability=True), Regress(base="route", within=5.0))
TRIP_LIMITS = GateLimits(
    baselines=("base",), champion_margin=0.05, max_share_of_perfect=0.9, slice_margin=0.5, max_calibration_error=0.1,
    caps=(Cap("within_5", at_least=0.5),),
)  # fmt: skip


def payments(seed: int = 0) -> Dataset:
    """Fraud follows risk at night; large amounts alone say little."""
    rng = np.random.default_rng(seed)
    amount, risk, night = rng.lognormal(3, 1, CASES), rng.normal(size=CASES), rng.random(CASES) < 0.4
    logit = -4 + 2.5 * risk * night + 0.3 * np.log(amount / 20)
    fraud = (rng.random(CASES) < 1 / (1 + np.exp(-logit))).astype(np.float32)
    return rows(PAYMENT_FEATURES, np.column_stack([amount, risk, night]), "fraud", fraud, rng)


def trips(seed: int = 0) -> Dataset:
    """A trip takes its route's minutes, a fifth more in rain, and more in rush hours."""
    rng = np.random.default_rng(seed)
    route, rain, hour = rng.gamma(4, 5, CASES), rng.random(CASES) < 0.3, rng.integers(0, 24, CASES)
    rush = np.isin(hour, (8, 9, 17, 18))
    minutes = route * (1 + 0.2 * rain + 0.4 * rush) + rng.normal(0, 1.5, CASES)
    return rows(TRIP_FEATURES, np.column_stack([route, rain, hour]), "minutes", minutes.astype(np.float32), rng)


def rows(of: FeatureSet, matrix: np.ndarray, target: str, truth: np.ndarray, rng: np.random.Generator) -> Dataset:
    names = tuple(feature.name for feature in of.features)
    at = pd.to_datetime([START + timedelta(minutes=2 * i) for i in range(CASES)])
    frame = pd.DataFrame({
        "event_timestamp": at.astype("datetime64[us, UTC]"), "case": [f"c{i}" for i in range(CASES)],
        "who": [f"w{i}" for i in rng.integers(0, 900, CASES)], "town": [f"t{i}" for i in rng.integers(0, 2, CASES)],
        target: truth, "gain": np.float32(0), "fits": True, "judged": True,
    })  # fmt: skip
    known = tuple(Lineage(name, "the request", 0.0) for name in names)
    return dataset.dataset_of(frame, matrix.astype(np.float32), names, known, dict.fromkeys(names, 0.0))
