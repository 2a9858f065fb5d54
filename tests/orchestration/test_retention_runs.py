"""Retention as Dagster and the command line run it; and Dagster's own records."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from infra.settings import Settings
from orchestration.commands.cli import app
from orchestration.pipeline import pipeline
from orchestration.retention import retain
from orchestration.system import Installation
from orchestration.systems.home_feed import HOME_FEED
from orchestration.up import environment
from tests.orchestration.test_retention import MOMENT, NOW, OLD, TODAY, YOUNG, action, events, noon, of, state, take
from validation.systems.home_feed import ENGAGEMENTS


@pytest.fixture
def at(tmp_path: Path) -> Installation:
    return Installation(HOME_FEED, Settings(home=tmp_path / "home", replay_from=NOW))


@pytest.fixture
def dagster_home(at: Installation, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    for name, value in environment(at.settings).items():
        monkeypatch.setenv(name, value)
    with dg.DagsterInstance.get() as instance:
        yield instance


@dg.op
def says() -> None:
    print("something")


def test_dagster_forgets_old_runs_with_their_events(
    at: Installation, dagster_home: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = dg.GraphDefinition(name="one", node_defs=[says]).to_job().execute_in_process(instance=dagster_home).run_id
    began = dagster_home.get_run_records()[0].create_timestamp
    settings = at.settings.model_copy
    young, old = (
        Installation(HOME_FEED, settings(update={"replay_from": began + timedelta(days=n)})) for n in (90, 91)
    )
    retain(young)
    assert dagster_home.get_run_by_id(run) is not None
    kept = of(retain(old), "Dagster")
    assert (kept.gone, kept.too_old) == (1, False)
    assert dagster_home.get_run_by_id(run) is None
    assert not dagster_home.all_logs(run)


def test_dagster_forgets_old_runs_also_where_its_records_are_not_below_the_home(at: Installation) -> None:
    with dg.DagsterInstance.ephemeral() as elsewhere:
        run = dg.GraphDefinition(name="one", node_defs=[says]).to_job().execute_in_process(instance=elsewhere).run_id
        later = elsewhere.get_run_records()[0].create_timestamp + timedelta(days=91)
        old = Installation(HOME_FEED, at.settings.model_copy(update={"replay_from": later}))
        assert of(retain(old, runs=elsewhere), "Dagster").gone == 1
        assert elsewhere.get_run_by_id(run) is None


def test_the_job_runs_every_night_and_its_check_refuses(at: Installation, dagster_home: dg.DagsterInstance) -> None:
    definitions = pipeline(at)
    job = definitions.resolve_job_def("retain")
    take(at, ENGAGEMENTS, YOUNG, action("e1"))
    at.lake.replace("labels", OLD, state(OLD))
    run = {"instance": dagster_home, "partition_key": f"{TODAY}", "raise_on_error": False}
    assert job.execute_in_process(**run).get_asset_check_evaluations()[0].passed
    assert not at.lake.days("labels")
    left = at.lake.path("ledger", YOUNG) / ".part-left.parquet"
    pq.write_table(pa.table({"received_at": pa.array([noon(TODAY - timedelta(days=401))], MOMENT)}), left)
    (check,) = job.execute_in_process(**run).get_asset_check_evaluations()
    assert not check.passed
    assert "ledger: something of" in str(check.metadata["too old"].value)


def test_the_command_prints_what_would_go(at: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    take(at, ENGAGEMENTS, OLD, action("e1"))
    take(at, ENGAGEMENTS, YOUNG, action("e2"))
    monkeypatch.setenv("FLYWHEEL_HOME", str(at.settings.home))
    done = CliRunner().invoke(app, ["retain", "--dry-run", "--as-of", f"{TODAY}"], catch_exceptions=False)
    assert done.exit_code == 0
    assert f"│ tables/engagements        │ 180 days  │ {OLD} (too old)" in done.output
    assert events(at) == ["e1", "e2"]
    done = CliRunner().invoke(app, ["retain", "--as-of", f"{TODAY}"], catch_exceptions=False)
    assert done.exit_code == 0
    assert events(at) == ["e2"]
