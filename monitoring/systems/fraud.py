"""What is watched of fraud: features whose drift may say that thieves have changed their ways."""

from monitoring.definition import BusinessMeasure, Watch

FRAUD_WATCH = Watch(
    # How cards are used is steady from day to day. Risk counts what was found, and moves with the reviewers' work.
    critical=("amount", "channel", "card_from_device", "device_age", "home_zone", "hour"),
    min_drift_rows=400,  # a small bank's day
    min_outcome_rows=1_000,
    business=(
        BusinessMeasure("stopped", "payments that were not allowed", "row", where="action != 'allow'", falls=False),
        BusinessMeasure("disputed", "disputes", "row", "disputes", "reason == 'fraud'", falls=False),
    ),
    outcome_days=7,  # of a day's stopped payments the lot shows a few: a week of them says what stopping saved
    merit_drop_errors=2.33,  # the weeks overlap
)
