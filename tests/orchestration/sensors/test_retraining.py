"""What the installation reacts to, as Dagster's daemon would ask."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import msgspec
import pytest

from infra.settings import Settings
from monitoring.retrain import WindowEvidence
from orchestration.evidence import EVIDENCE
from orchestration.pipeline import pipeline, pipelines
from orchestration.system import Installation
from orchestration.systems.home_feed import HOME_FEED

NOW = datetime(2026, 5, 8, tzinfo=UTC)


@pytest.fixture
def at(settings: Settings) -> Installation:
    return Installation(HOME_FEED, settings.model_copy(update={"replay_from": NOW}))


def windows(*present: bool | None) -> list[WindowEvidence]:
    """Drift found or not in the windows that end before now, a day each."""
    ends = [NOW - timedelta(days=len(present) - 1 - i) for i in range(len(present))]
    return [
        WindowEvidence(f"drift {end:%d}", "drift", end, "none", drifted)
        for end, drifted in zip(ends, present, strict=True)
    ]


def recorded(instance: dg.DagsterInstance, evidence: list[WindowEvidence]) -> None:
    text = msgspec.json.encode(evidence).decode()
    instance.report_runless_asset_event(
        dg.AssetMaterialization("drift", metadata={EVIDENCE: dg.MetadataValue.text(text)})
    )


def requested(
    at: Installation, instance: dg.DagsterInstance, cursor: str | None
) -> tuple[list[dg.RunRequest], str | None]:
    definitions = pipeline(at)
    context = dg.build_sensor_context(instance, cursor, definitions=definitions)
    result = definitions.resolve_sensor_def("retraining_sensor").evaluate_tick(context)
    return list(result.run_requests or []), result.cursor


def test_confirmed_drift_leads_to_exactly_one_retraining(at: Installation) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        recorded(instance, windows(False, True, True))
        requests, cursor = requested(at, instance, None)
        assert [r.partition_key for r in requests] == ["2026-05-07"], "the day the last window ended"
        assert "drift" in requests[0].tags["flywheel/why"]
        again, cursor = requested(at, instance, cursor)
        recorded(instance, windows(False, True, True))
        third, _ = requested(at, instance, cursor)
    assert again == third == []


@pytest.mark.parametrize(
    "evidence", [windows(False, False, False), windows(False, False, True), windows(None, None, None)],
    ids=["steady", "one window alone", "too few rows to say"],
)  # fmt: skip
def test_without_confirmed_drift_nothing_is_retrained(at: Installation, evidence: list[WindowEvidence]) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        recorded(instance, evidence)
        requests, _ = requested(at, instance, None)
    assert requests == []


def test_landed_files_ask_for_one_run_a_day(at: Installation) -> None:
    folder = at.settings.landing / "impressions"
    folder.mkdir(parents=True)
    for name in ("2026-05-06.jsonl", "2026-05-07.jsonl", "2026-05-07-more.jsonl", "2026-05-08.jsonl.open"):
        (folder / name).touch()
    definitions = pipeline(at)
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_sensor_context(instance, definitions=definitions)
        result = definitions.resolve_sensor_def("landing_sensor").evaluate_tick(context)
    assert [r.partition_key for r in result.run_requests or []] == ["2026-05-06", "2026-05-07"]


def test_a_failed_run_is_written_down_for_people(at: Installation) -> None:
    @dg.op
    def breaks() -> None:
        raise ValueError("the disk is full")

    @dg.job
    def nightly() -> None:
        breaks()

    with dg.DagsterInstance.ephemeral() as instance:
        result = nightly.execute_in_process(instance=instance, raise_on_error=False)
        event = result.get_run_failure_event()
        context = dg.build_run_status_sensor_context(
            "failure_sensor", event, instance, result.dagster_run
        ).for_run_failure()
        pipelines([at]).resolve_sensor_def("failure_sensor")(context)
    line = msgspec.json.decode((at.settings.home / "alerts.jsonl").read_bytes().splitlines()[0])
    assert line["job"] == "nightly"
    assert line["run"] == result.run_id
