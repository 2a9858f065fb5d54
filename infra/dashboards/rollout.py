"""Rollout: what is live, what is on trial for which share, how its answers differ, what the machinery did."""

from infra.dashboards.panel import Dashboard, Panel, Query, Row
from infra.dashboards.request import OURS, quantile, rate

LIVE = Row("What is live", (
    Panel(
        "The release that answers",
        "1 for the live one. Two at a time for longer than a minute: a service follows another pointer.",
        "on or off",
        (Query(f"max by (system, release) (flywheel_release_live{OURS}) > 0", "{{system}} release {{release}}"),),
        wide=8,
    ),
    Panel(
        "Stage of the release on trial",
        "1 for the stage it is at; `none` when there is no trial.",
        "on or off",
        (Query(f"max by (system, stage) (flywheel_trial_stage{OURS}) > 0", "{{system}} {{stage}}"),),
        wide=8,
    ),
    Panel(
        "Share of the askers on trial",
        "As the registry says (jobs) and as the service does (service): they agree within seconds.",
        "share",
        (Query(f"max by (system) (flywheel_trial_share_ratio{OURS})", "{{system}} registry"),
         Query(f"max by (system) (flywheel_challenger_share{OURS})", "{{system}} service")),
        wide=8,
    ),
    Panel(
        "Age of the live release",
        "Since it was built. Two weeks are too long where it retrains every night.",
        "seconds",
        (Query(f"max by (system) (flywheel_release_age_seconds{OURS})", "{{system}}"),),
        limit=14 * 86400, wide=8,
    ),
    Panel(
        "Since a rollback was last drilled",
        "A rollback that was never tried is none; endless where no drill was made.",
        "seconds",
        (Query(f"max by (system) (flywheel_drill_age_seconds{OURS}) < Inf", "{{system}}"),),
        limit=8 * 86400, wide=8,
    ),
    Panel(
        "Releases taken and refused",
        "Refused: a digest or signature is wrong, or golden rows score otherwise. The old release stays.",
        "count",
        (Query(f"sum by (system) (flywheel_release_swaps_total{OURS})", "{{system}} taken"),
         Query(f"sum by (system) (flywheel_release_refusals_total{OURS})", "{{system}} refused"),
         Query(f"sum by (system, why) (flywheel_pointers_refused_total{OURS})", "{{system}} pointer refused: {{why}}")),
        wide=8,
    ),
))  # fmt: skip
VARIANTS = Row("How the variants answer", (
    Panel(
        "Answers by variant",
        "Their shares are those of the draw: askers keep their variant.",
        "requests a second",
        (Query(rate("flywheel_variant_answers_total", "variant"), "{{variant}}"),),
        "areas",
    ),
    Panel(
        "Answers by variant and rung",
        "A release on trial that answers more often from a lower rung is worse, whatever its scores.",
        "requests a second",
        (Query(rate("flywheel_variant_answers_total", "variant, served_by"), "{{variant}} {{served_by}}"),),
    ),
    Panel(
        "Time to answer by variant, p95",
        "A guardrail of the trial.",
        "seconds",
        (Query(quantile(0.95, "flywheel_variant_seconds", "variant"), "{{variant}}"),),
        limit=0.18,
        wide=8,
    ),
    Panel(
        "Mean score by variant",
        "Of what was answered. Scores of another model may differ; a jump of one model's own may not.",
        "number",
        (Query(f"{rate('flywheel_variant_score_sum', 'variant')}"
               f" / ({rate('flywheel_variant_score_count', 'variant')} > 0)",
               "{{variant}}"),),
        wide=8,
    ),
    Panel(
        "Answers that a variant's release could not give",
        "Another release answered instead.",
        "a second",
        (Query(rate("flywheel_variant_failures_total", "variant, why"), "{{variant}} {{why}}"),),
        wide=8,
    ),
))  # fmt: skip
TRIED = Row("What the trial shows", (
    Panel(
        "Difference of the goal",
        "Trial against champion, with the interval that holds at every look. 0 inside: nothing is known yet.",
        "number",
        (Query(f"max by (system, bound) (flywheel_trial_effect{OURS})", "{{system}} {{bound}}"),),
        wide=8,
    ),
    Panel(
        "Askers who take part",
        "Of both arms. When their sizes differ more than chance explains, the trial proves nothing.",
        "count",
        (Query(f"max by (system, arm) (flywheel_trial_askers{OURS})", "{{system}} {{arm}}"),),
        wide=8,
    ),
    Panel(
        "Whether the arms are as large as drawn",
        "How likely chance alone makes them differ so. Below 0.001 the trial is not believed.",
        "share",
        (Query(f"min by (system) (flywheel_trial_sample_ratio_p{OURS})", "{{system}}"),),
        wide=8,
    ),
    Panel(
        "Guardrails",
        "How many are broken, not broken, or have too little evidence yet. One that is broken stops the trial.",
        "count",
        (Query(f"sum by (system, state) (flywheel_trial_guardrails{OURS})", "{{system}} {{state}}"),),
        "areas",
        wide=8,
    ),
    Panel(
        "Scored in shadow",
        "Answers offered to the release on trial; what it has no time for is dropped before an answer waits.",
        "a second",
        (Query(rate("flywheel_shadow_total", "outcome"), "{{outcome}}"),),
        "areas",
        wide=8,
    ),
    Panel(
        "Loaded beside the live release",
        "1 for the release on trial that services have loaded, also in shadow.",
        "on or off",
        (Query(f"max by (system, release) (flywheel_release_on_trial{OURS}) > 0", "{{system}} release {{release}}"),),
        wide=8,
    ),
))  # fmt: skip
DECIDED = Row("What the machinery decided", (
    Panel(
        "Decisions of the last day",
        "Each with its evidence is on the console, and in machine_decisions.jsonl.",
        "count",
        (Query(f"sum by (system, did) (flywheel_machine_decisions_of_last_day{OURS}) > 0", "{{system}} {{did}}"),),
    ),
    Panel(
        "Merit of the live release",
        "On the newest day whose outcomes are known.",
        "number",
        (Query(f"max by (system) (flywheel_live_merit{OURS})", "{{system}}"),),
    ),
))  # fmt: skip

ROLLOUT = Dashboard(
    "rollout", "Flywheel: rollout", "What is live, what is on trial, and what was decided about it.",
    (LIVE, VARIANTS, TRIED, DECIDED),
)  # fmt: skip
