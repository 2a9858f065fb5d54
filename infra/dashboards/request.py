"""The path of a request: what was promised, what was answered from which rung, where the time went."""

from infra.dashboards.panel import Dashboard, Panel, Query, Row

OURS = '{system=~"$system"}'
ROUTES = '{system=~"$system",route=~"feed|rank|decide"}'

IN_TIME = '{system=~"$system",route=~"feed|rank|decide",le="0.18"}'


def quantile(of: float, metric: str, by: str, labels: str = OURS) -> str:
    """A quantile of a histogram, for each value of a label."""
    return f"histogram_quantile({of}, sum by (le, {by}) (rate({metric}_bucket{labels}[$__rate_interval])))"


def rate(metric: str, by: str, labels: str = OURS) -> str:
    """How much a counter grows a second, for each value of a label."""
    return f"sum by ({by}) (rate({metric}{labels}[$__rate_interval]))"


PROMISES = Row("What is promised", (
    Panel(
        "Burn rate of the last hour",
        "How many times as fast as planned the budget of each promise is used up. 1 lasts thirty days; above the "
        "factors of infra/objectives.yaml somebody is woken.",
        "number",
        tuple(Query(f"system:flywheel_{name}:burnrate1h{OURS}", f"{name} {{{{system}}}}")
              for name in ("availability", "latency", "personalisation")),
        limit=6, wide=8,
    ),
    Panel(
        "Answers that know their asker",
        "The share of answers from a rung that read its asker. Below the promise, look at the rungs.",
        "share",
        (Query(f"{rate('flywheel_personalised_answers_total', 'system')} / {rate('flywheel_answers_total', 'system')}",
               "{{system}}"),
         Query(f"max by (system) (flywheel_personalised_objective{OURS})", "promised {{system}}")),
        wide=8,
    ),
    Panel(
        "Slower than 180 ms",
        "The share of answers that took longer than the budget of a request. 5 % are allowed.",
        "share",
        (Query(f"1 - {rate('flywheel_request_seconds_bucket', 'system', IN_TIME)}"
               f" / {rate('flywheel_request_seconds_count', 'system', ROUTES)}", "{{system}}"),),
        limit=0.05, wide=8,
    ),
))  # fmt: skip
ANSWERS = Row("What is answered", (
    Panel(
        "Requests by status",
        "429 are refused for load, 5xx are faults of ours, other 4xx are the callers' own.",
        "requests a second",
        (Query(rate("flywheel_requests_total", "route, status"), "{{route}} {{status}}"),),
        "areas",
    ),
    Panel(
        "Answers by rung",
        "`full` is the aim. Another rung says what is missing: docs/serving.md has the ladder.",
        "requests a second",
        (Query(rate("flywheel_answers_total", "route, served_by"), "{{route}} {{served_by}}"),),
        "areas",
    ),
    Panel(
        "Time to answer",
        "From the arrival of a request to its answer; half of the answers and 95 of 100 are faster.",
        "seconds",
        (Query(quantile(0.5, "flywheel_request_seconds", "route"), "{{route}} p50"),
         Query(quantile(0.95, "flywheel_request_seconds", "route"), "{{route}} p95")),
        limit=0.18,
    ),
    Panel(
        "Work that is shed",
        "The share of candidates that is scored. It falls under load before any request is refused.",
        "share",
        (Query(f"min by (system) (flywheel_quality{OURS})", "{{system}}"),),
    ),
))  # fmt: skip
STAGES = Row("Where the time goes", (
    Panel(
        "Stages, p95",
        "The stage that grew is where to look: `user` waits for Redis, the others compute.",
        "seconds",
        (Query(quantile(0.95, "flywheel_stage_seconds", "stage"), "{{stage}}"),),
    ),
    Panel(
        "Seconds a second by stage",
        "How much of a core each stage takes, waiting included.",
        "number",
        (Query(rate("flywheel_stage_seconds_sum", "stage"), "{{stage}}"),),
        "areas",
    ),
    Panel(
        "Candidates by source",
        "Which source gives how many. One that falls to nothing has its reason in the next panel.",
        "a second",
        (Query(rate("flywheel_candidates_total", "source"), "{{source}}"),
         Query(rate("flywheel_scored_items_total", "system"), "scored {{system}}")),
        wide=8,
    ),
    Panel(
        "Time of the sources",
        "Seconds a second: how much of a core each source of candidates takes.",
        "number",
        (Query(rate("flywheel_source_seconds_total", "source"), "{{source}}"),),
        "areas",
        wide=8,
    ),
    Panel(
        "Sources that gave nothing",
        "Late, or failed: a page lacks their candidates.",
        "a second",
        (Query(rate("flywheel_source_failures_total", "source, why"), "{{source}} {{why}}"),),
        wide=8,
    ),
))  # fmt: skip
BENEATH = Row("What it stands on", (
    Panel(
        "Breakers",
        "0 closed, 1 asks again, 2 open: the dependency does not answer.",
        "number",
        (Query(f"max by (dependency) (flywheel_breaker_state{OURS})", "{{dependency}}"),),
        wide=6,
    ),
    Panel(
        "Failures of dependencies",
        "Each is an answer from a lower rung, or a repeated attempt.",
        "a second",
        (Query(rate("flywheel_failures_total", "dependency, why"), "{{dependency}} {{why}}"),),
        wide=6,
    ),
    Panel(
        "Refused connections",
        "Ended for what they sent, did not send, or for being too many.",
        "a second",
        (Query(rate("flywheel_connections_refused_total", "why"), "{{why}}"),),
        wide=6,
    ),
    Panel(
        "Rows of the log",
        "Rows that reached the landing, and those that were lost to a full queue or disk.",
        "a second",
        (Query(rate("flywheel_rows_landed_total", "table"), "{{table}}"),
         Query(rate("flywheel_rows_dropped_total", "table"), "{{table}} lost")),
        wide=6,
    ),
))  # fmt: skip

REQUEST = Dashboard(
    "request", "Flywheel: the path of a request",
    "From the promise down to the stage and the dependency that breaks it.", (PROMISES, ANSWERS, STAGES, BENEATH),
)  # fmt: skip
