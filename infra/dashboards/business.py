"""Business: how much is asked, what comes back, and whether merit and business go the same way."""

from infra.dashboards.panel import Dashboard, Panel, Query, Row
from infra.dashboards.request import OURS, rate

BACK = Row("What comes back", (
    Panel(
        "Answers a second",
        "Of a feed these are pages, of cases decisions.",
        "requests a second",
        (Query(rate("flywheel_answers_total", "system, route"), "{{system}} {{route}}"),),
        "areas",
    ),
    Panel(
        "Events by outcome",
        "Feedback that was accepted, refused, or not written because the disk did not take it.",
        "a second",
        (Query(rate("flywheel_events_total", "outcome"), "{{outcome}}"),),
        "areas",
    ),
    Panel(
        "Events an answer",
        "Feedback for each answer. When it falls and answers do not, clients stopped sending, or people "
        "stopped acting.",
        "number",
        (Query(f"{rate('flywheel_events_total', 'system')} / ({rate('flywheel_answers_total', 'system')} > 0)",
               "{{system}}"),),
    ),
    Panel(
        "Answers by how well their asker is known",
        "What a page of the lowest rung is worth less is in docs/truth.md.",
        "share",
        (Query(f"sum by (served_by) (rate(flywheel_answers_total{OURS}[$__rate_interval]))"
               f" / scalar(sum(rate(flywheel_answers_total{OURS}[$__rate_interval])))", "{{served_by}}"),),
        "areas",
    ),
))  # fmt: skip
WORTH = Row("What it is worth", (
    Panel(
        "Figures of the newest day",
        "Long views, time, hides, diversity, return: as monitoring measured them.",
        "number",
        (Query(f"max by (system, measure) (flywheel_business{OURS})", "{{system}} {{measure}}"),),
    ),
    Panel(
        "Against what is usual",
        "The same figures divided by their usual value. Merit steady and these falling: the model is good at the wrong "
        "thing.",
        "share",
        (Query(f"max by (system, measure) (flywheel_business{OURS}) / max by (system, measure)"
               f" (flywheel_business_usual{OURS} != 0)", "{{system}} {{measure}}"),),
    ),
    Panel(
        "Merit of the live release",
        "What the model is to be good at, on the newest day whose outcomes are known.",
        "number",
        (Query(f"max by (system) (flywheel_live_merit{OURS})", "{{system}}"),),
    ),
    Panel(
        "Standing alarms",
        "Alarms of monitoring that stand now; each has its owner in docs/runbook.md.",
        "count",
        (Query(f"sum by (system, alarm, owner) (flywheel_watch_alarms{OURS})", "{{system}} {{alarm}} ({{owner}})"),),
    ),
))  # fmt: skip

BUSINESS = Dashboard(
    "business", "Flywheel: business", "What is asked, what comes back, what it is worth.", (BACK, WORTH)
)
