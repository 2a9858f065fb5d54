"""For each alert the series in which it fires, and the nearest in which it does not.

A series is its name with labels, and its values as promtool writes them: `0+3x60` begins at 0 and grows by 3 a minute,
for an hour. Each alert's series have its name as the label `system`, so that all can be tried at once.
"""

from dataclasses import dataclass

HOUR, DAY = 60, 24 * 60
Series = dict[str, str]


@dataclass(frozen=True)
class Case:
    """One alert: series with which it fires at the minute `at`, and with which it does not."""

    fires: Series
    quiet: Series
    at: int = 30
    labels: tuple[tuple[str, str], ...] = ()
    every: int = 1


def still(name: str, fires: object, quiet: object, *, at: int = 90, **labels: str) -> Case:
    """A value that stays, and by which labels the alert names it."""
    return Case({name: f"{fires}x200"}, {name: f"{quiet}x200"}, at, tuple(labels.items()))


def grows(name: str, *, at: int = 30, **labels: str) -> Case:
    """A counter that grows, or stays."""
    return Case({name: "0+1x200"}, {name: "7x200"}, at, tuple(labels.items()))


def _requests(bad: float, minutes: int, every: int) -> Series:
    """Ten thousand requests an interval, of which a share fails."""
    failed = round(10_000 * bad)
    return {
        'flywheel_requests_total{route="feed",status="200"}': f"0+{10_000 - failed}x{minutes // every}",
        'flywheel_requests_total{route="feed",status="429"}': f"0+{failed}x{minutes // every}",
    }


def _times(slow: float, minutes: int, every: int) -> Series:
    late = round(10_000 * slow)
    return {
        'flywheel_request_seconds_count{route="feed"}': f"0+10000x{minutes // every}",
        'flywheel_request_seconds_bucket{route="feed",le="0.18"}': f"0+{10_000 - late}x{minutes // every}",
        'flywheel_request_seconds_count{route="events"}': f"0+10000x{minutes // every}",  # not asked for in 180 ms
    }


def _askers(unknown: float, minutes: int, every: int) -> Series:
    return {
        'flywheel_answers_total{route="feed",served_by="full"}': f"0+10000x{minutes // every}",
        "flywheel_personalised_answers_total": f"0+{10_000 - round(10_000 * unknown)}x{minutes // every}",
        "flywheel_personalised_objective": f"0.98x{minutes // every}",
    }


def _burns(series: object, objective: str, above: float, below: float, minutes: int, every: int = 1) -> Case:
    labels = (("objective", objective),)
    return Case(series(above, minutes, every), series(below, minutes, every), minutes, labels, every)  # type: ignore[operator]


AVAILABLE, IN_TIME, PERSONAL = "availability", "latency", "personalisation"
CASES: dict[str, Case] = {
    "RequestsFailFast": _burns(_requests, AVAILABLE, 0.0145, 0.0143, HOUR),
    "RequestsFailQuickly": _burns(_requests, AVAILABLE, 0.0061, 0.0059, 6 * HOUR, 5),
    "RequestsFailSteadily": _burns(_requests, AVAILABLE, 0.0031, 0.0029, DAY, 10),
    "RequestsFailSlowly": _burns(_requests, AVAILABLE, 0.0011, 0.0009, 3 * DAY, 30),
    "AnswersAreSlowFast": _burns(_times, IN_TIME, 0.301, 0.299, HOUR),
    "AnswersAreSlowSteadily": _burns(_times, IN_TIME, 0.151, 0.149, 6 * HOUR, 5),
    "AnswersDoNotKnowTheirAskerFast": _burns(_askers, PERSONAL, 0.121, 0.119, HOUR),
    "AnswersDoNotKnowTheirAskerSteadily": _burns(_askers, PERSONAL, 0.061, 0.059, 6 * HOUR, 5),
    "ServiceIsGone": still('up{job="flywheel-service"}', 0, 1, job="flywheel-service"),
    "ConnectionsAreTooMany": grows('flywheel_connections_refused_total{why="evicted"}', why="evicted"),
    "BreakerOpen": still('flywheel_breaker_state{dependency="redis"}', 2, 1, dependency="redis"),
    "TreesAreScoredByXGBoost": still("flywheel_trees_by_xgboost", 1, 0),
    "WorkIsShed": still("flywheel_quality", 0.4, 0.6),
    "RowsOfTheDecisionLogAreLost": grows('flywheel_rows_dropped_total{table="impressions"}', table="impressions"),
    "ItemStatesAreOld": still("flywheel_states_age_seconds", 61, 59),
    "ItemsWithoutRoom": grows('flywheel_states_without_room_total{view="video"}', view="video"),
    "SourceGivesNothing": Case(
        {
            'flywheel_source_failures_total{source="trending",why="late"}': "0+6x60",
            'flywheel_requests_total{status="200"}': "0+100x60",
        },
        {
            'flywheel_source_failures_total{source="trending",why="late"}': "0+4x60",
            'flywheel_requests_total{status="200"}': "0+100x60",
        },
        labels=(("source", "trending"),),
    ),
    "ReleaseRefused": Case(  # the very first refusal, of which no earlier value is known, tells already
        {'flywheel_release_refusals_total{release="7"}': "_x20 1x20"},
        {'flywheel_release_refusals_total{release="6"}': "1x60"},
    ),
    "PointerRefused": Case(
        {'flywheel_pointers_refused_total{why="signature"}': "_x20 1x20"},
        {'flywheel_pointers_refused_total{why="old"}': "3x60"},
    ),
    "ReleasesDiffer": Case(
        {
            'flywheel_release_live{release="7",instance="a"}': "1x60",
            'flywheel_release_live{release="6",instance="b"}': "1x60",
        },
        {
            'flywheel_release_live{release="7",instance="a"}': "1x60",
            'flywheel_release_live{release="6",instance="a"}': "0x60",
        },
    ),
    "TrialAborted": still('flywheel_machine_decisions_of_last_day{did="abort"}', 1, 0),
    "RolledBackByItself": still('flywheel_machine_decisions_of_last_day{did="roll back"}', 1, 0),
    "MoveOfTheMachineryRefused": still('flywheel_machine_decisions_of_last_day{did="refuse"}', 1, 0),
    "DrillIsTooOld": still("flywheel_drill_age_seconds", 9 * 86400, 7 * 86400),
    "ModelIsTooOld": still("flywheel_release_age_seconds", 15 * 86400, 13 * 86400),
    "FiguresOfJobsAreGone": still('flywheel_exporter_part_read{part="jobs"}', 0, 1, part="jobs"),
    "JobFails": still('flywheel_job_failing{dagster_job="train"}', 1, 0, dagster_job="train"),
    "FeaturesAreNotMade": still('flywheel_job_success_age_seconds{dagster_job="features"}', 11_000, 10_000),
    "TableIsStale": still(
        'flywheel_table_age_seconds{table="clicks",role="events"}', 31 * 3600, 29 * 3600, table="clicks"
    ),
    "OnlineStatesAreBehind": still("flywheel_online_age_seconds", 11_000, 10_000),
    "BatchRefused": still('flywheel_batches_refused_of_last_day{table="users"}', 1, 0, table="users"),
    "RowsAreQuarantined": Case(
        {
            'flywheel_rows_of_last_day{table="users",outcome="accepted"}': "94x60",
            'flywheel_rows_of_last_day{table="users",outcome="quarantined"}': "6x60",
        },
        {
            'flywheel_rows_of_last_day{table="users",outcome="accepted"}': "96x60",
            'flywheel_rows_of_last_day{table="users",outcome="quarantined"}': "4x60",
        },
        labels=(("table", "users"),),
    ),
    "AlarmStands": still('flywheel_watch_alarms{alarm="nulls",owner="serving"}', 1, 0, alarm="nulls", owner="serving"),
    "FeaturesDrifted": still("flywheel_drifted_features", 1, 0),
    "ServedOtherwiseThanTrained": still("flywheel_skew_equal_rows_ratio", 0.99, 0.999),
}
