"""What is asked for when files land, as Dagster's daemon would ask: each day once, again when a run left them there."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from infra.settings import Settings
from orchestration.pipeline import pipeline
from orchestration.sensors import landing
from orchestration.system import Installation
from orchestration.systems.home_feed import HOME_FEED

NOW = datetime(2026, 5, 8, tzinfo=UTC)
TODAY = NOW.date()


class Ticks:
    """An installation, its sensor, and Dagster's record of runs."""

    def __init__(self, home: Path, instance: dg.DagsterInstance) -> None:
        self.at = Installation(HOME_FEED, Settings(home=home, replay_from=NOW))
        self.instance, self.cursor = instance, ""
        self.folder = self.at.settings.landing / "engagements"
        self.folder.mkdir(parents=True)
        self.reload()

    def reload(self) -> None:
        """Load the code location."""
        self.definitions = pipeline(self.at)

    def tick(self) -> tuple[list[str | None], str]:
        """The days asked for, whose runs are recorded as the daemon does, and why none was."""
        context = dg.build_sensor_context(self.instance, self.cursor or None, definitions=self.definitions)
        result = self.definitions.resolve_sensor_def("landing_sensor").evaluate_tick(context)
        self.cursor = result.cursor or ""
        for request in result.run_requests or []:
            tags = {**request.tags, "dagster/run_key": request.run_key, "dagster/partition": request.partition_key}
            job = self.definitions.resolve_job_def("features")
            self.last = self.instance.create_run_for_job(job, tags=tags)
            self.instance.report_engine_event("asked", self.last)
        return [request.partition_key for request in result.run_requests or []], result.skip_message or ""

    def ends(self, status: dg.DagsterRunStatus = dg.DagsterRunStatus.FAILURE) -> None:
        """The last run ends."""
        kind = (
            dg.DagsterEventType.RUN_FAILURE
            if status is dg.DagsterRunStatus.FAILURE
            else dg.DagsterEventType.RUN_SUCCESS
        )
        event = dg.DagsterEvent(kind.value, "features")
        self.instance.report_dagster_event(event, self.last.run_id)


@pytest.fixture
def ticks(tmp_path: Path) -> Iterator[Ticks]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Ticks(tmp_path / "home", instance)


def test_an_odd_day_does_not_stop_the_others(ticks: Ticks) -> None:
    (ticks.folder / f"{TODAY + timedelta(days=1)}.jsonl").write_text("{}\n")
    assert ticks.tick() == (["2026-05-08"], ""), "a producer east of here: its day is taken with today's"
    (ticks.folder / f"{TODAY - timedelta(days=10)}.jsonl").write_text("{}\n")
    (ticks.folder / "2019-01-01.jsonl").write_text("{}\n")
    days, _ = ticks.tick()
    assert days == ["2026-04-28"], "today's files are at their run"
    (ticks.folder / f"{TODAY - timedelta(days=10)}.jsonl").unlink()
    ticks.ends(dg.DagsterRunStatus.SUCCESS)
    _, reason = ticks.tick()
    assert "2019-01-01: 2019-01-01.jsonl waits: it is before the first day known here" in reason
    assert "flywheel run features --day 2019-01-01" in reason
    ticks.reload()
    assert ticks.tick()[0][0] == "2019-01-01", "loaded anew, the code location knows the day"


def test_a_year_in_which_no_row_can_have_been_received_is_no_day_of_a_file(ticks: Ticks) -> None:
    (ticks.folder / "1999-12-31.jsonl").write_text("{}\n")
    (ticks.folder / "day=1998-01-01").mkdir()
    (ticks.folder / "day=1998-01-01" / "part.jsonl").write_text("{}\n")
    assert ticks.tick() == (["2026-05-08"], "")
    ticks.reload()
    assert ticks.tick()[0] == [], "the days that are known do not reach back to then"


def test_the_same_name_with_other_content_is_asked_for_again(ticks: Ticks) -> None:
    file = ticks.folder / "catalogue.jsonl"
    file.write_text("{}\n")
    assert ticks.tick()[0] == ["2026-05-08"]
    assert ticks.tick()[0] == [], "the same files are asked for once"
    file.unlink()
    ticks.ends(dg.DagsterRunStatus.SUCCESS)
    assert ticks.tick()[1] == f"no file waits in {ticks.at.settings.landing.absolute()}"
    file.write_text("{ }\n")
    assert ticks.tick()[0] == ["2026-05-08"]


def test_a_run_that_failed_is_tried_again_with_growing_pauses_then_somebody_is_told(
    ticks: Ticks, monkeypatch: pytest.MonkeyPatch
) -> None:
    (ticks.folder / "a.jsonl").write_text("{}\n")
    assert ticks.tick()[0] == ["2026-05-08"]
    assert f"run {ticks.last.run_id} is working on a.jsonl" in ticks.tick()[1]
    ticks.ends()
    assert ticks.tick()[0] == ["2026-05-08"], "at once the first time"
    ticks.ends()
    days, idle = ticks.tick()
    assert (days, "a.jsonl still waits; attempt 3 at" in idle) == ([], True)
    monkeypatch.setattr(landing, "FIRST_WAIT", timedelta())
    for _ in range(landing.ATTEMPTS - 2):
        assert ticks.tick()[0] == ["2026-05-08"]
        ticks.ends()
    idle = [ticks.tick() for _ in range(2)]
    assert idle[0] == idle[1]
    assert idle[0][0] == []
    assert f"a.jsonl still waits after {landing.ATTEMPTS} runs" in idle[0][1]
    [alert] = (ticks.at.settings.home / "alerts.jsonl").read_text().splitlines()
    assert json.loads(alert)["error"] in idle[0][1]
    (ticks.folder / "b.jsonl").write_text("{}\n")
    assert ticks.tick()[0] == ["2026-05-08"], "what lands next is tried, and the old file with it"


def test_what_is_no_delivery_is_said_by_an_idle_tick(ticks: Ticks) -> None:
    (ticks.folder / "link.jsonl").symlink_to("nowhere")
    assert "link.jsonl: it is a symbolic link" in ticks.tick()[1]


def test_the_known_days_reach_back_before_the_first_data(ticks: Ticks) -> None:
    (ticks.folder / f"{TODAY - timedelta(days=30)}.jsonl").write_text("{}\n")
    assert ticks.tick()[0] == [str(date(2026, 4, 8))]
