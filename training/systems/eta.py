"""The ETA's task: the minutes from an update to the arrival, learned as what the base route is off by."""

import math
from datetime import timedelta

from training.contenders import Boosted, ByColumn, Linear
from training.definition import Outcome, SliceDefinition, Split, Task
from training.objectives import Regress
from validation.systems.eta import LONGEST_TRIP

BASE = "route_minutes"

OUTCOMES = (
    Outcome(
        "minutes_left",
        "true",
        "minutes from the update to the arrival",
        window=LONGEST_TRIP,
        of="(unix_micros(event_time) - unix_micros(decided_at)) / 60e6",
        how="first",
        counts_for="each",
    ),
)

CONTENDERS = (
    ByColumn("base", BASE, probability=True),
    Linear("linear_residual"),
    Boosted(
        max_trees=400,
        patience=20,
        params={"eta": 0.08, "max_depth": 5, "min_child_weight": 10, "subsample": 0.8, "colsample_bytree": 0.7},
    ),
)

SLICES = (
    SliceDefinition("length", BASE, (8.0, 20.0), ("short", "middle", "long")),
    SliceDefinition(
        "rush", "hour", (7.0, 10.0, 16.0, 19.0), ("early", "morning_rush", "midday", "evening_rush", "late")
    ),
    SliceDefinition("rain", "rain", (math.log1p(0.1),), ("dry", "rain")),
    SliceDefinition("zone", "goal_arrived_30d", (math.log1p(40),), ("new", "settled")),
)

TASK = Task(
    name="eta",
    decisions="updates",
    outcomes_in="arrivals",
    match=("trip_id",),
    exact=(),
    outcomes=OUTCOMES,
    target="minutes_left",
    unit="trip_id",
    cluster="driver_id",
    contenders=CONTENDERS,
    objective=Regress(base=BASE, within=2.0, sequence="trip_id", promise=0.9),
    grace=timedelta(minutes=30),
    slices=SLICES,
    split=Split(fit=0.65, tune=0.15),
)
