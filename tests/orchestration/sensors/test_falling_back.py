"""A merit drop rolls back first and retrains then; what comes in broken freezes training and stops no rollback."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import msgspec
import pyarrow as pa
import pytest

from infra.errors import Overtaken
from infra.machine_decisions import noted
from infra.settings import Settings
from monitoring.retrain import WindowEvidence
from orchestration.evidence import EVIDENCE, frozen
from orchestration.ingestion import ingest_days
from orchestration.pipeline import pipeline, pipelines
from orchestration.switched_on import says, switched
from orchestration.system import Installation
from orchestration.systems.home_feed import HOME_FEED

NOW = datetime(2026, 5, 8, 3, tzinfo=UTC)
YESTERDAY = date(2026, 5, 7)
SENSOR, SCHEDULE = "retraining_sensor", "retrain_schedule"


class History:
    """A registry of two releases, in which 7 is live; it says what was done, in order.

    meanwhile  what somebody does just before a rollback of the sensor
    """

    def __init__(self) -> None:
        self.moves: list[SimpleNamespace] = []
        self.meanwhile: list[SimpleNamespace] = []

    def live(self) -> str:
        return self.moves[-1].after if self.moves else "7"

    def history(self) -> tuple[SimpleNamespace, ...]:
        return tuple(self.moves)

    def epoch(self) -> int:
        return len(self.moves)

    def rollback(self, who: str, why: str, at: datetime, evidence: str = "", epoch: int | None = None) -> str:
        self.moves += self.meanwhile
        self.meanwhile = []
        if epoch not in {None, self.epoch()}:
            raise Overtaken(f"decided at epoch {epoch}, and now it is {self.epoch()}")
        self.moves.append(SimpleNamespace(at=at, action="rollback", before="7", after="6", who=who, why=why))
        return "6"


@pytest.fixture
def at(settings: Settings) -> Installation:
    installation = Installation(HOME_FEED, settings.model_copy(update={"replay_from": NOW}))
    installation.__dict__["registry"] = History()
    return installation


def dropped(instance: dg.DagsterInstance) -> None:
    """Two days on which release 7 did worse than it promised."""
    ends = [NOW - timedelta(days=n, hours=3) for n in (1, 0)]
    evidence = [WindowEvidence(f"merit {end:%d} 7", "merit drop", end, "7", True, "live 0.4") for end in ends]
    text = dg.MetadataValue.text(msgspec.json.encode(evidence).decode())
    instance.report_runless_asset_event(dg.AssetMaterialization("outcomes", metadata={EVIDENCE: text}))


def looked(at: Installation, instance: dg.DagsterInstance, cursor: str | None = None) -> Any:
    definitions = pipeline(at)
    context = dg.build_sensor_context(instance, cursor, definitions=definitions)
    return definitions.resolve_sensor_def(SENSOR).evaluate_tick(context)


def impressions(at: Installation, *rows: int) -> None:
    """So many rows on the days up to yesterday."""
    for n, count in enumerate(reversed(rows)):
        at.lake.append("tables/impressions", YESTERDAY - timedelta(days=n), pa.table({"request_id": ["r"] * count}))


def did(at: Installation) -> list[str]:
    return [decision.did for decision in noted(at.settings.part)]


def test_a_merit_drop_rolls_back_first_and_asks_for_a_retraining_then(at: Installation) -> None:
    impressions(at, 1_000, 1_000, 1_000, 1_000)
    with dg.DagsterInstance.ephemeral() as instance:
        dropped(instance)
        tick = looked(at, instance)
        again = looked(at, instance, tick.cursor)
    assert at.registry.live() == "6"
    assert [request.partition_key for request in tick.run_requests] == [f"{YESTERDAY}"]
    assert not again.run_requests
    assert did(at) == ["roll back", "retrain"]
    back, retrain = noted(at.settings.part)
    assert (back.release, retrain.release) == ("7", "6")
    assert "merit drop in 2 of the last 3 windows" in back.says
    assert back.evidence["windows"] == "merit 07 7, merit 08 7"


def test_a_process_that_ends_between_the_two_rolls_back_once_and_retrains_all_the_same(at: Installation) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        dropped(instance)
        looked(at, instance)  # its cursor is lost
        after = looked(at, instance, None)
    assert len(at.registry.history()) == 1
    assert len(after.run_requests) == 1
    assert did(at) == ["roll back", "retrain", "retrain"], "the first one was never handed over"


def test_who_rolls_back_by_hand_meanwhile_is_not_rolled_back_once_more(at: Installation) -> None:
    by_hand = SimpleNamespace(at=NOW, action="rollback", before="7", after="6", who="ada", why="complaints")
    at.registry.meanwhile.append(by_hand)  # type: ignore[attr-defined]
    with dg.DagsterInstance.ephemeral() as instance:
        dropped(instance)
        tick = looked(at, instance)
        assert "now it is 1" in tick.skip_message
        again = looked(at, instance, tick.cursor)
    assert at.registry.history() == (by_hand,)
    assert not again.run_requests, "what is live now did nothing wrong"


def test_a_table_with_far_fewer_rows_freezes_training_and_no_rollback(at: Installation) -> None:
    impressions(at, 1_000, 1_100, 900, 1_000, 100)
    with dg.DagsterInstance.ephemeral() as instance:
        dropped(instance)
        tick = looked(at, instance)
        assert not tick.run_requests
        assert "impressions: 100 rows of 2026-05-07, usual are 1,000" in tick.skip_message
        assert did(at) == ["freeze", "roll back"]
        waiting = looked(at, instance, tick.cursor)
        assert not waiting.run_requests
        assert did(at) == ["freeze", "roll back"], "the same freeze is written down once"
        at.lake.append("tables/impressions", YESTERDAY, pa.table({"request_id": ["r"] * 850}))  # what was missing
        assert len(looked(at, instance, waiting.cursor).run_requests) == 1, "the retraining was owed"


def test_the_nightly_training_is_passed_over_for_a_refused_batch(at: Installation, tmp_path: Path) -> None:
    waiting = at.settings.landing / "users" / f"{YESTERDAY}.jsonl"
    waiting.parent.mkdir(parents=True)
    waiting.write_text('{"user_id": 1}\n' * 200)
    with dg.DagsterInstance.local_temp() as instance:
        assert not frozen(instance, at, YESTERDAY)
        assert ingest_days(at, at.tables["users"], YESTERDAY, YESTERDAY).refused
        definitions = pipeline(at)
        repository = definitions.get_repository_def()
        with dg.build_schedule_context(instance, scheduled_execution_time=NOW, repository_def=repository) as context:
            tick = definitions.resolve_schedule_def(SCHEDULE).evaluate_tick(context)
    assert "1 refused batches of 2026-05-05 to 2026-05-08 wait in quarantine" in tick.skip_message
    assert did(at) == ["freeze"]


@pytest.mark.parametrize("on", [True, False])
def test_one_setting_switches_every_schedule_and_sensor(settings: Settings, on: bool) -> None:
    installation = Installation(HOME_FEED, settings.model_copy(update={"schedules": on}))
    with dg.DagsterInstance.local_temp() as instance:
        states = switched(pipelines([installation]), instance)
    assert {SENSOR, SCHEDULE, "landing_sensor", "failure_sensor", "features_schedule"} <= set(states)
    off = {name for name, is_on in states.items() if not is_on}
    assert off == (set() if on else set(states) - {"registry_sensor"})
    assert ("others are off" in says(states)) is not on
    assert "registry_sensor" in says(states)
