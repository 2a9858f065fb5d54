"""What the online path promises over thirty days, and how fast it may fall short before somebody is told.

An objective leaves a budget of answers that may be bad. The burn rate is how many times as fast as planned the budget
is spent: at 1 it lasts the thirty days. An alert fires when the rate is above its factor in a long window, so that a
moment's fault tells nobody, and in a short one, so that the alert ends soon after the fault.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Burn:
    """One pair of windows: told when the burn rate is above `factor` in both; `speed` ends the alert's name."""

    speed: str
    factor: float
    long: str
    short: str
    severity: str


@dataclass(frozen=True, slots=True)
class Objective:
    """One promise.

    name      of its recorded series
    alert     the first words of its alerts
    promise   as a sentence
    bad       PromQL: the share of bad answers in a window, `{window}`, by system
    budget    PromQL or a number: the share that may be bad
    counted   PromQL: answers a second in a window, by system: few answers prove nothing
    burns     the pairs of windows
    action    what whoever is told does
    """

    name: str
    alert: str
    promise: str
    bad: str
    budget: str
    counted: str
    burns: tuple[Burn, ...]
    action: str


FAST = Burn("Fast", 14.4, "1h", "5m", "page")
QUICK = Burn("Quickly", 6, "6h", "30m", "page")
STEADY = Burn("Steadily", 3, "1d", "2h", "ticket")
SLOW = Burn("Slowly", 1, "3d", "6h", "ticket")
# What leaves a budget of 5 % hardly burns at 14.4: 72 % of the answers would have to be bad. So it begins at 6.
SOON = Burn("Fast", 6, "1h", "5m", "page")
LASTING = Burn("Steadily", 3, "6h", "30m", "ticket")

VALID = 'status=~"2..|429|5.."'  # what callers do wrong is no answer of ours, neither a good nor a bad one
ANSWERED = 'route=~"feed|rank|decide"'
REQUESTS = f"sum by (system) (rate(flywheel_requests_total{{{VALID}}}[{{window}}]))"
FAILED = 'sum by (system) (rate(flywheel_requests_total{status=~"429|5.."}[{window}]))'
TIMED = f"sum by (system) (rate(flywheel_request_seconds_count{{{ANSWERED}}}[{{window}}]))"
IN_TIME = f'sum by (system) (rate(flywheel_request_seconds_bucket{{{ANSWERED},le="0.18"}}[{{window}}]))'
ANSWERS = "sum by (system) (rate(flywheel_answers_total[{window}]))"
PERSONAL = "sum by (system) (rate(flywheel_personalised_answers_total[{window}]))"

OBJECTIVES = (
    Objective(
        "availability",
        "RequestsFail",
        "99.9 % of the valid requests are answered: no 5xx, and none refused for load",
        f"({FAILED} or 0 * {REQUESTS}) / ({REQUESTS} > 0)",
        "0.001",
        REQUESTS,
        (FAST, QUICK, STEADY, SLOW),
        "Look at `flywheel_requests_total` by status. 429: load is beyond capacity, add instances. 5xx: the service's "
        "log has each under its number; roll back if it began with a release.",
    ),
    Objective(
        "latency",
        "AnswersAreSlow",
        "95 % of the answers take at most 180 ms",
        f"1 - {IN_TIME} / ({TIMED} > 0)",
        "0.05",
        TIMED,
        (SOON, LASTING),
        "Look at `flywheel_stage_seconds` for the stage that grew, and at `flywheel_quality`: below 1 work is shed "
        "already. Add instances, or roll back if it began with a release.",
    ),
    Objective(
        "personalisation",
        "AnswersDoNotKnowTheirAsker",
        "As many answers know their asker as the policy promises (`flywheel_personalised_objective`)",
        f"1 - {PERSONAL} / ({ANSWERS} > 0)",
        "(1 - max by (system) (flywheel_personalised_objective) < 1)",
        ANSWERS,
        (SOON, LASTING),
        "`flywheel_answers_total` by `served_by` says which rung gave the others, `flywheel_breaker_state` which "
        "dependency does not answer. Mend that; a rung has its row in docs/serving.md.",
    ),
)
