"""What is watched of the ETA: how slow the city is, whose drift may cause a retraining."""

from monitoring.definition import Watch

ETA_WATCH = Watch(
    # Long means that should be steady from day to day. What counts minutes or hours follows every rush hour.
    critical=("pair_slow_30d", "origin_slow_30d", "goal_slow_30d", "fleets_slow_30d", "route_minutes"),
    min_drift_rows=300,
    min_drift_users=30,
    min_outcome_rows=300,
    min_skew_rows=300,
)
