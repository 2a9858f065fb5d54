"""The figures of jobs: true ones, with a bounded number of series, whatever lies in the home."""

import json
import math
from contextlib import nullcontext
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from urllib.request import urlopen

import dagster as dg
import msgspec
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from infra import alerts
from infra.atomic import atomic_write
from infra.lake import Lake
from infra.machine_decisions import MachineDecision, note
from infra.settings import Settings
from monitoring.alarms import raised
from orchestration.exporter import FAMILIES, Exporter, exporting
from orchestration.exporter.exporter import READERS
from orchestration.exporter.families import ALERT_KINDS
from orchestration.system import Installation
from orchestration.systems.home_feed import HOME_FEED
from orchestration.watching import WatchReport
from tests.conftest import free_port
from validation.batches.ledger import Ledger, write

NOW = datetime(2026, 5, 3, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
FEATURE = HOME_FEED.features.features[0].name
Values = dict[tuple[str, ...], float]


@pytest.fixture
def home(tmp_path: Path) -> Installation:
    """An installation without any event, in the middle of a day."""
    return Installation(HOME_FEED, Settings(home=tmp_path, replay_from=NOW))


def told(at: Installation, *parts: str) -> dict[str, Values]:
    """Some parts of the page as Prometheus reads it: name → labels without the system, sorted by label → value.

    Dagster's record is not among the usual ones: one has to be made for it.
    """
    registry = CollectorRegistry()
    readers = {part: READERS[part] for part in parts or ("tables", "releases", "notices")}
    registry.register(Exporter([at], readers, clock=iter(range(10**6)).__next__))
    families = text_string_to_metric_families(generate_latest(registry).decode())
    return {
        family.name: {
            tuple(v for name, v in sorted(sample.labels.items()) if name != "system"): sample.value
            for sample in family.samples
        }
        for family in families
    }


def delivered(lake: Lake, number: int, at: datetime, *, refused: bool = False) -> None:
    """A line of the ledger: ten rows taken, or refused as a whole."""
    taken, kept_out = (0, 10) if refused else (8, 2)
    line = Ledger(f"batch-{number}", "engagements", "ingest", 10, taken, 0, kept_out, refused, at, f"d{number}")
    write(lake, line, str(number))


def pointed(at: Installation, **pointer: object) -> None:
    """The pointer that serving follows names these releases."""
    champion = {"version": "2", "path": "2", "manifest_sha256": ""}
    with atomic_write(at.settings.releases / "live.json") as draft:
        draft.write_text(json.dumps({"champion": champion, **pointer}))


def test_a_table_is_as_old_as_its_last_accepted_batch_and_refused_ones_are_counted(home: Installation) -> None:
    delivered(home.lake, 1, NOW - 30 * HOUR)
    delivered(home.lake, 2, NOW - 3 * HOUR)
    delivered(home.lake, 3, NOW - HOUR, refused=True)
    figures = told(home)
    assert figures["flywheel_table_age_seconds"] == {("events", "engagements"): pytest.approx(3 * 3600, abs=60)}
    assert figures["flywheel_rows_of_last_day"]["accepted", "engagements"] == 8
    assert figures["flywheel_rows_of_last_day"]["quarantined", "engagements"] == 12
    assert figures["flywheel_batches_refused_of_last_day"]["engagements",] == 1


def test_a_release_on_trial_is_told_with_its_stage_and_share(home: Installation) -> None:
    assert "flywheel_trial_stage" not in told(home), "before the first release nothing is on trial"
    pointed(home, challenger={"release": {"version": "3", "path": "3"}, "share": 25, "salt": "s"})
    figures = told(home)
    assert [stage for (stage,), on in figures["flywheel_trial_stage"].items() if on] == ["canary_25"]
    assert figures["flywheel_trial_share_ratio"] == {(): 0.25}
    pointed(home, challenger={"release": {"version": "3", "path": "3"}, "share": 0, "salt": "s"})
    assert [stage for (stage,), on in told(home)["flywheel_trial_stage"].items() if on] == ["shadow"]


def test_a_rollback_that_was_never_drilled_is_infinitely_long_ago(home: Installation) -> None:
    pointed(home)
    assert "flywheel_drill_age_seconds" not in told(home), "with one release alone nothing can be drilled"
    pointed(home, previous={"version": "1", "path": "1"})
    assert told(home)["flywheel_drill_age_seconds"] == {(): float("inf")}
    note(home.settings.part, MachineDecision(NOW - 5 * HOUR, "drill", "rolled back in 3 s and forward again"))
    assert told(home)["flywheel_drill_age_seconds"][()] == pytest.approx(5 * 3600, abs=60)


def test_alerts_and_decisions_of_a_day_are_counted_by_kind(home: Installation) -> None:
    alerts.write(home.settings.home, NOW - HOUR, system="home_feed", skew="a feature differs")
    alerts.write(home.settings.home, NOW - HOUR, system="fraud", skew="of another system")
    alerts.write(home.settings.home, NOW - HOUR, trial="fraud", says="of another system")
    alerts.write(home.settings.home, NOW - 25 * HOUR, skew="of the day before")
    alerts.write(home.settings.home, NOW - HOUR, never_heard_of="this")
    with (home.settings.home / "alerts.jsonl").open("a") as file:
        file.write('{"at": "2026-05-03T11:00:00", "skew": "of a program of somebody, who names no zone"}\n')
        file.write('{"at": "cut sho')
    note(home.settings.part, MachineDecision(NOW - HOUR, "abort", "clicks fell"))
    figures = told(home)
    assert {k: v for k, v in figures["flywheel_alerts_of_last_day"].items() if v} == {("skew",): 2, ("other",): 1}
    assert {k: v for k, v in figures["flywheel_machine_decisions_of_last_day"].items() if v} == {("abort",): 1}


def test_jobs_and_what_monitoring_measured_are_told_from_dagsters_record(
    home: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = dg.DagsterInstance.ephemeral()  # to make an empty one on disk takes seconds
    monkeypatch.setattr(dg.DagsterInstance, "get", lambda: nullcontext(record))

    @dg.asset
    def drift() -> dg.MaterializeResult:  # type: ignore[type-arg]
        facts = {"largest psi": 0.31, "flagged": 7, "critical flagged": 2, "finding": "drift"}
        return dg.MaterializeResult(metadata=facts)

    with dg.DagsterInstance.get() as instance:
        dg.materialize([drift], instance=instance)
        ended(instance, "features", fails=False)
        ended(instance, "features", fails=True)
        ended(instance, "train", fails=False)
        ended(instance, "somebody_elses", fails=True)
    figures = told(home, "jobs", "watched")
    assert figures["flywheel_drift_largest_psi"] == {(): 0.31}
    assert figures["flywheel_drifted_features"] == {(): 2}
    assert figures["flywheel_job_failing"] == {("features",): 1, ("train",): 0}
    assert set(figures["flywheel_job_success_age_seconds"]) == {("features",), ("train",)}
    assert figures["flywheel_job_runs_of_last_day"] == {
        ("features", "success"): 1, ("features", "failure"): 1, ("train", "success"): 1,
    }  # fmt: skip


def ended(instance: dg.DagsterInstance, job: str, *, fails: bool) -> None:
    """A run of a job with this name, in Dagster's record."""

    @dg.op
    def work() -> None:
        if fails:
            raise ValueError("as asked")

    @dg.job(name=job)
    def named() -> None:
        work()

    named.execute_in_process(instance=instance, raise_on_error=False)


def test_a_part_that_cannot_be_read_takes_no_other_with_it(home: Installation) -> None:
    delivered(home.lake, 1, NOW - HOUR)
    next((home.settings.lake / "ledger").rglob("*.parquet")).write_bytes(b"no parquet")
    alerts.write(home.settings.home, NOW - HOUR, burst="many")
    figures = told(home)
    assert figures["flywheel_exporter_part_read"]["tables",] == 0
    assert figures["flywheel_exporter_part_read"]["notices",] == 1
    assert figures["flywheel_alerts_of_last_day"]["burst",] == 1


def test_reports_of_monitoring_are_told_and_an_absent_one_is_no_fault(home: Installation) -> None:
    assert "flywheel_business" not in told(home, "reports")
    reported(home, "watch", drift=[
        {"feature": FEATURE, "slice": "all", "psi": 0.4, "moved": True},
        {"feature": FEATURE, "slice": "region=BR", "psi": 3},
    ], null_shares={FEATURE: 0.02}, business=[
        {"measure": "rejected", "day": "2026-05-02", "value": 3, "usual": 2},
        {"measure": "rejected", "day": "2026-05-01", "value": 1, "usual": 2},
    ], alarms=[{"alarm": "nulls", "owner": "serving"}])  # fmt: skip
    pointed(home, challenger={"release": {"version": "3", "path": "3"}, "share": 25, "salt": "s"})
    reported(home, "trial", release="3", goal={"low": -0.1, "value": 0.1, "high": 0.3}, askers=[500, 9500],
             sample_ratio=0.4,
             findings=[{"state": "broken"}, {"state": "too little"}, {"state": "too little"}])  # fmt: skip
    figures = told(home, "reports")
    assert figures["flywheel_feature_psi"] == {(FEATURE,): 0.4}
    assert figures["flywheel_feature_null_ratio"] == {(FEATURE,): 0.02}
    assert figures["flywheel_business"] == {("rejected",): 3}
    assert figures["flywheel_watch_alarms"] == {("nulls", "serving"): 1}
    assert figures["flywheel_trial_effect"] == {("low",): -0.1, ("value",): 0.1, ("high",): 0.3}
    assert figures["flywheel_trial_askers"] == {("trial",): 500, ("control",): 9500}
    assert figures["flywheel_trial_sample_ratio_p"] == {(): 0.4}
    assert figures["flywheel_trial_guardrails"] == {("broken",): 1, ("not broken",): 0, ("too little",): 2}


def test_a_trial_that_has_ended_has_no_figures_any_more(home: Installation) -> None:
    reported(home, "trial", release="3", askers=[500, 9500], sample_ratio=1e-9, findings=[{"state": "broken"}])
    pointed(home, challenger={"release": {"version": "3", "path": "3"}, "share": 25, "salt": "s"})
    assert told(home, "reports")["flywheel_trial_guardrails"]["broken",] == 1
    for ended_or_another in ({}, {"challenger": {"release": {"version": "4", "path": "4"}, "share": 5, "salt": "t"}}):
        pointed(home, **ended_or_another)
        assert not [name for name in told(home, "reports") if "trial" in name]


def test_the_report_that_is_written_is_the_report_that_is_read(home: Installation) -> None:
    drift = ({"feature": FEATURE, "slice": "all", "psi": 0.1, "moved": False},)
    business = ({"measure": "rejected", "day": "2026-05-02", "value": 3.0, "usual": math.nan},)
    written = WatchReport(NOW, NOW.date(), "7", 2.0, (raised("nulls", "half of them", NOW),), drift, {FEATURE: 0.5},
                          {}, (), (), business)  # fmt: skip
    home.settings.reports.mkdir(parents=True)
    (home.settings.reports / "watch.json").write_bytes(msgspec.json.encode(written))
    figures = told(home, "reports")
    assert figures["flywheel_exporter_part_read"] == {("reports",): 1}
    assert figures["flywheel_feature_psi"] == {(FEATURE,): 0.1}
    assert figures["flywheel_feature_null_ratio"] == {(FEATURE,): 0.5}
    assert figures["flywheel_business"] == {("rejected",): 3}
    assert set(figures["flywheel_watch_alarms"]) == {("nulls", "serving")}


def reported(at: Installation, name: str, **report: object) -> None:
    """A report of monitoring."""
    at.settings.reports.mkdir(parents=True, exist_ok=True)
    (at.settings.reports / f"{name}.json").write_text(json.dumps(report))


def test_the_number_of_series_is_bounded_whatever_a_home_holds(home: Installation) -> None:
    measures = [{"measure": f"m{i}", "day": "2026-05-02", "value": i} for i in range(300)]
    hostile = {f'x"}}\nup{i}': 1.0 for i in range(300)}
    reported(home, "watch", business=measures, null_shares=hostile, alarms=[{"owner": str(i)} for i in range(300)])
    for i in range(300):
        alerts.write(home.settings.home, NOW - HOUR, **{f"kind_{i}": i})
        delivered(home.lake, i, NOW - HOUR, refused=i % 2 == 0)
    pointed(home, challenger={"release": {"version": "3", "path": "3"}, "share": 37, "salt": "s"})
    figures = told(home, "tables", "releases", "notices", "reports")
    for family in FAMILIES:
        most = 1
        for label in family.labels:
            most *= len(label.values(home)) + 1
        assert len(figures.get(family.name, {})) <= most, family.name
    assert set(figures["flywheel_alerts_of_last_day"]) == {(kind,) for kind in (*ALERT_KINDS, "other")}
    assert figures["flywheel_alerts_of_last_day"]["other",] == 300
    assert set(figures["flywheel_business"]) == {("other",)}
    assert set(figures["flywheel_feature_null_ratio"]) == {("other",)}


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_names_are_those_of_prometheus_conventions(family: object) -> None:
    name = family.name  # type: ignore[attr-defined]
    assert name.startswith("flywheel_")
    assert not name.endswith(("_total", "_count", "_sum", "_bucket")), "it is a gauge"
    assert not name.endswith(("_ms", "_minutes", "_hours", "_days", "_percent")), "seconds and shares"


def test_the_page_is_on_loopback_and_one_look_costs_one_reading(home: Installation) -> None:
    port, looks = free_port(), []
    readers = {"notices": READERS["notices"], "jobs": lambda at: looks.append(at) or ()}
    exporter = Exporter([home], readers, clock=lambda: 1.0)
    for _ in range(20):
        list(exporter.collect())
    assert len(looks) == 1
    with exporting(exporter, "127.0.0.1", port) as address, urlopen(address) as page:
        assert b"flywheel_exporter_part_read" in page.read()


def test_a_day_of_a_view_ends_at_midnight(home: Installation) -> None:
    import pyarrow as pa

    home.lake.append("states/video", date(2026, 5, 1), pa.table({"x": [1]}))
    assert told(home)["flywheel_view_age_seconds"] == {("video",): pytest.approx(36 * 3600, abs=60)}
