"""Freshness: how old tables, states and what serving has in memory are, and the jobs that keep them fresh."""

from infra.dashboards.panel import Dashboard, Panel, Query, Row
from infra.dashboards.request import OURS, rate

DATA = Row("How old the data are", (
    Panel(
        "Tables: since rows were last accepted",
        "A table that grows old was not delivered, or every batch of it was refused. The line holds for "
        "tables of events.",
        "seconds",
        (Query(f"max by (system, table) (flywheel_table_age_seconds{OURS})", "{{system}} {{table}}"),),
        limit=30 * 3600,
    ),
    Panel(
        "Views: since the end of their newest published day",
        "Published by the job `features`; the stream brings newer states online meanwhile.",
        "seconds",
        (Query(f"max by (system, view) (flywheel_view_age_seconds{OURS})", "{{system}} {{view}}"),),
    ),
    Panel(
        "Online: since the moment up to which states are online",
        "What an asker did since then does not count yet.",
        "seconds",
        (Query(f"max by (system) (flywheel_online_age_seconds{OURS})", "{{system}}"),),
        limit=3 * 3600,
    ),
    Panel(
        "In memory: since item states were all that Redis holds",
        "Grows while Redis is down or lost its memory; the service goes on with what it has.",
        "seconds",
        (Query(f"max by (system) (flywheel_states_age_seconds{OURS})", "{{system}}"),),
        limit=60,
    ),
    Panel(
        "As served: largest median lag of a view",
        "How long what was published had waited to come online when rows were served, on the newest day.",
        "seconds",
        (Query(f"max by (system) (flywheel_freshness_lag_seconds{OURS})", "{{system}}"),),
    ),
    Panel(
        "Changes taken from Redis",
        "States that the service took over from the stream of changes.",
        "a second",
        (Query(rate("flywheel_state_changes_total", "view"), "{{view}}"),),
        "areas",
    ),
))  # fmt: skip
JOBS = Row("The jobs that keep them fresh", (
    Panel(
        "Since a job last succeeded",
        "A job that is not scheduled here grows old without any fault.",
        "seconds",
        (Query(f"max by (system, dagster_job) (flywheel_job_success_age_seconds{OURS})",
               "{{system}} {{dagster_job}}"),),
    ),
    Panel(
        "How long a job takes",
        "Its newest run that succeeded.",
        "seconds",
        (Query(f"max by (system, dagster_job) (flywheel_job_seconds{OURS})", "{{system}} {{dagster_job}}"),),
    ),
    Panel(
        "Jobs that fail now",
        "1 while the newest ended run is a failure: open it in Dagster.",
        "on or off",
        (Query(f"max by (system, dagster_job) (flywheel_job_failing{OURS})", "{{system}} {{dagster_job}}"),),
    ),
    Panel(
        "Runs of the last day",
        "By how they ended.",
        "count",
        (Query(f"sum by (dagster_job, ended) (flywheel_job_runs_of_last_day{OURS})", "{{dagster_job}} {{ended}}"),),
    ),
))  # fmt: skip

FRESHNESS = Dashboard(
    "freshness", "Flywheel: freshness", "From the delivery of a row to the state that an answer reads.", (DATA, JOBS)
)
