"""Data health: what was delivered and refused, what drifted, and whether serving sees what training saw."""

from infra.dashboards.panel import Dashboard, Panel, Query, Row
from infra.dashboards.request import OURS

DELIVERED = Row("What was delivered", (
    Panel(
        "Rows of the last day by outcome",
        "received = accepted + duplicate + quarantined + erased, for each table.",
        "count",
        (Query(f"sum by (table, outcome) (flywheel_rows_of_last_day{OURS}) > 0", "{{table}} {{outcome}}"),),
        "areas",
    ),
    Panel(
        "Quarantined rows of the last day",
        "The share of delivered rows that broke a rule. Above 5 % the table's owner is told.",
        "share",
        (Query(f"sum by (system, table) (flywheel_rows_of_last_day{OURS[:-1]},outcome=\"quarantined\"}})"
               f" / (sum by (system, table) (flywheel_rows_of_last_day{OURS}) > 0)", "{{system}} {{table}}"),),
        limit=0.05,
    ),
    Panel(
        "Refused batches of the last day",
        "A refused batch freezes what would be computed from it.",
        "count",
        (Query(f"sum by (system, table) (flywheel_batches_refused_of_last_day{OURS})", "{{system}} {{table}}"),),
    ),
    Panel(
        "Alerts of the last day",
        "Lines of alerts.jsonl by what they are about.",
        "count",
        (Query(f"sum by (kind) (flywheel_alerts_of_last_day{OURS}) > 0", "{{kind}}"),),
        "areas",
    ),
))  # fmt: skip
CHANGED = Row("What changed", (
    Panel(
        "Largest PSI",
        "Of a feature, or of the scores, on the newest day. Above 0.2 and above chance it counts as drift.",
        "number",
        (Query(f"max by (system) (flywheel_drift_largest_psi{OURS})", "{{system}}"),),
        limit=0.2,
    ),
    Panel(
        "Features that drifted",
        "On the newest day; the report of `drift` in Dagster names them.",
        "count",
        (Query(f"max by (system) (flywheel_drifted_features{OURS})", "{{system}}"),),
    ),
    Panel(
        "The ten features that moved most",
        "PSI over all rows of the newest day.",
        "number",
        (Query(f"topk(10, max by (system, feature) (flywheel_feature_psi{OURS}))", "{{system}} {{feature}}"),),
        limit=0.2,
    ),
    Panel(
        "The ten features that are null most often",
        "As served, on the newest day. A jump is the first sign of a source that broke upstream.",
        "share",
        (Query(f"topk(10, max by (system, feature) (flywheel_feature_null_ratio{OURS}))", "{{system}} {{feature}}"),),
    ),
    Panel(
        "Rows served with the features of training",
        "Below 99.8 % code or states differ between training and serving.",
        "share",
        (Query(f"min by (system) (flywheel_skew_equal_rows_ratio{OURS})", "{{system}}"),),
        limit=0.998,
    ),
    Panel(
        "Views served staler than trained",
        "The report of `freshness` in Dagster names them.",
        "count",
        (Query(f"max by (system) (flywheel_stale_views{OURS})", "{{system}}"),),
    ),
))  # fmt: skip
LOOKED = Row("Whether these figures are read", (
    Panel(
        "Parts of the figures that were read",
        "0: that part could not be read, and every panel that stands on it is blind.",
        "on or off",
        (Query(f"min by (system, part) (flywheel_exporter_part_read{OURS})", "{{system}} {{part}}"),),
    ),
    Panel(
        "How long reading takes",
        "Prometheus gives up after ten seconds.",
        "seconds",
        (Query(f"max by (system, part) (flywheel_exporter_part_seconds{OURS})", "{{system}} {{part}}"),),
    ),
))  # fmt: skip

DATA_HEALTH = Dashboard(
    "data-health", "Flywheel: data health", "Deliveries, refusals, drift and skew.", (DELIVERED, CHANGED, LOOKED)
)
