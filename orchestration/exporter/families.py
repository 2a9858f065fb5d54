"""The metrics of the jobs. All are gauges, read anew at each look; a count of a day is of the 24 hours before it.

Ages are told, not moments: a home in which old events are replayed lives at another time than Prometheus.
"""

from typing import TYPE_CHECKING, get_args

from infra.machine_decisions import Did
from monitoring.alarms import ALARMS as ALL_ALARMS
from monitoring.alarms import OWNERS
from orchestration.exporter.family import OTHER, Family, Label
from orchestration.jobs import STAGES

if TYPE_CHECKING:
    from orchestration.system import Installation

STATES = ("broken", "not broken", "too little")
BOUNDS, ARMS = ("low", "value", "high"), ("trial", "control")
ENDED = ("success", "failure", "canceled", "going on")
ROLES = ("events", "described")  # events come all the time; what describes comes when something changes
ROWS = ("accepted", "duplicate", "quarantined", "erased")
TRIAL_STAGES = ("none", "shadow", "canary_5", "canary_25", "canary_50")
ALERT_KINDS = (
    "run", "sensor", "stream", "file", "burst", "skew", "freshness", "registry", "retention", "rollback", "trial",
    "drill", "watch",
)  # fmt: skip
PARTS = ("jobs", "tables", "releases", "notices", "watched", "reports")


def views(installation: "Installation") -> list[str]:
    """The views of a system, counted and described ones."""
    features = installation.system.features
    if not features:
        return []
    return [*(view.name for view in features.counter_views), *(view.name for view in features.profile_views)]


JOB = Label("dagster_job", lambda _: STAGES)  # `job` is the name of a target of Prometheus
HOW = Label("ended", lambda _: ENDED)
TABLE = Label("table", lambda at: at.tables)
ROLE = Label("role", lambda _: ROLES)
VIEW = Label("view", views)
OUTCOME = Label("outcome", lambda _: ROWS)
STAGE = Label("stage", lambda _: TRIAL_STAGES)
KIND = Label("kind", lambda _: (*ALERT_KINDS, OTHER))
DID = Label("did", lambda _: (*get_args(Did), OTHER))
FEATURE = Label("feature", lambda at: [f.name for f in at.system.features.features] if at.system.features else [])
MEASURE = Label("measure", lambda at: [measure.name for measure in at.system.watch.business] if at.system.watch else [])
ALARM, OWNER = Label("alarm", lambda _: [alarm.name for alarm in ALL_ALARMS]), Label("owner", lambda _: OWNERS)
STATE = Label("state", lambda _: STATES)
BOUND, ARM = Label("bound", lambda _: BOUNDS), Label("arm", lambda _: ARMS)
PART = Label("part", lambda _: PARTS)

READ = Family("flywheel_exporter_part_read", "1 when a part of these figures could be read, 0 when not", (PART,))
READ_SECONDS = Family("flywheel_exporter_part_seconds", "how long reading a part of these figures took", (PART,))

JOB_AGE = Family("flywheel_job_success_age_seconds", "since a job last succeeded", (JOB,))
JOB_SECONDS = Family("flywheel_job_seconds", "how long the newest run of a job that succeeded took", (JOB,))
JOB_FAILING = Family("flywheel_job_failing", "1 while the newest ended run of a job is a failure", (JOB,))
JOB_RUNS = Family("flywheel_job_runs_of_last_day", "runs of a job by how they ended", (JOB, HOW))

TABLE_AGE = Family("flywheel_table_age_seconds", "since rows of a table were last accepted", (TABLE, ROLE))
DAY_ROWS = Family("flywheel_rows_of_last_day", "delivered rows of a table by outcome", (TABLE, OUTCOME))
DAY_REFUSED = Family("flywheel_batches_refused_of_last_day", "batches of a table that were refused", (TABLE,))
VIEW_AGE = Family("flywheel_view_age_seconds", "since the end of the newest published day of a view", (VIEW,))
ONLINE_AGE = Family("flywheel_online_age_seconds", "since the moment up to which states are online")

RELEASE_AGE = Family("flywheel_release_age_seconds", "since the live release was built")
TRIAL_STAGE = Family("flywheel_trial_stage", "1 for the stage of the release on trial, or for none", (STAGE,))
TRIAL_SHARE = Family("flywheel_trial_share_ratio", "share of the askers that the release on trial answers")
DRILL_AGE = Family("flywheel_drill_age_seconds", "since the last drill of a rollback; infinite where none was made")

DAY_ALERTS = Family("flywheel_alerts_of_last_day", "lines of alerts.jsonl by what they are about", (KIND,))
DAY_DECISIONS = Family("flywheel_machine_decisions_of_last_day", "what the machinery decided by itself", (DID,))

LARGEST_PSI = Family("flywheel_drift_largest_psi", "largest PSI of a feature, or of the scores, on the newest day")
DRIFTED = Family("flywheel_drifted_features", "critical features, and scores, that drifted on the newest day")
EQUAL_ROWS = Family("flywheel_skew_equal_rows_ratio", "rows served with the features of training, on the newest day")
STALE_VIEWS = Family("flywheel_stale_views", "views served staler than they were trained with, on the newest day")
LAG = Family("flywheel_freshness_lag_seconds", "largest median lag of a view when rows were served, on the newest day")
LIVE_MERIT = Family("flywheel_live_merit", "merit of the live release on the newest matured day")

FEATURE_PSI = Family("flywheel_feature_psi", "PSI of a feature over all rows, on the newest day", (FEATURE,))
NULLS = Family("flywheel_feature_null_ratio", "share of nulls in a feature as served, on the newest day", (FEATURE,))
BUSINESS = Family("flywheel_business", "a figure of the business on its newest day", (MEASURE,))
USUAL = Family("flywheel_business_usual", "what that figure usually is", (MEASURE,))
ALARMS = Family("flywheel_watch_alarms", "alarms of monitoring that stand, and who looks after each", (ALARM, OWNER))
EFFECT = Family("flywheel_trial_effect", "the goal's difference, trial against champion, with its interval", (BOUND,))
ASKERS = Family("flywheel_trial_askers", "askers who take part in the trial", (ARM,))
GUARDRAILS = Family("flywheel_trial_guardrails", "guardrails of the trial by what is known of each", (STATE,))
SAMPLE_RATIO = Family("flywheel_trial_sample_ratio_p", "how likely chance alone makes the arms differ so in size")

FAMILIES = (
    READ, READ_SECONDS,
    JOB_AGE, JOB_SECONDS, JOB_FAILING, JOB_RUNS,
    TABLE_AGE, DAY_ROWS, DAY_REFUSED, VIEW_AGE, ONLINE_AGE,
    RELEASE_AGE, TRIAL_STAGE, TRIAL_SHARE, DRILL_AGE,
    DAY_ALERTS, DAY_DECISIONS,
    LARGEST_PSI, DRIFTED, EQUAL_ROWS, STALE_VIEWS, LAG, LIVE_MERIT,
    FEATURE_PSI, NULLS, BUSINESS, USUAL, ALARMS, EFFECT, ASKERS, GUARDRAILS, SAMPLE_RATIO,
)  # fmt: skip
