"""What was served is judged by what was logged; features that training would make otherwise end in a decision."""

import os
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from infra.errors import Frozen, NotProven
from infra.freshness import AS_PUBLISHED, Freshness
from infra.settings import Settings
from orchestration.assets import monitoring
from orchestration.evidence import newest
from orchestration.observed import MOMENT, Observed
from orchestration.partitions import days
from orchestration.pipeline import pipeline
from orchestration.runs import execute
from orchestration.system import Installation
from orchestration.systems.home_feed import HOME_FEED
from orchestration.up import environment
from tests.prove.freshness import DONE, works_daily
from training.contenders import FittedColumn
from training.rows import GAIN, JUDGED, dataset
from validation.systems.home_feed import IMPRESSIONS

NOW = datetime(2026, 5, 8, tzinfo=UTC)
DAYS = [date(2026, 5, 5), date(2026, 5, 6), date(2026, 5, 7)]
PAGES, SHOWN = 240, 10
FEATURES = tuple(feature.name for feature in HOME_FEED.features.features)
TASK = HOME_FEED.task
NIGHTLY = Freshness(86_400, DONE.total_seconds(), 86_399.999999)


@pytest.fixture
def moves() -> list[str]:
    """Why there was a rollback, each time."""
    return []


@pytest.fixture
def at(settings: Settings, moves: list[str], monkeypatch: pytest.MonkeyPatch) -> Installation:
    """An installation in which release 7 is live, and 6 was before; what training makes is what was served."""
    installation = Installation(HOME_FEED, settings.model_copy(update={"replay_from": NOW}))

    def rollback(who: str, why: str, at: datetime, epoch: int) -> str:
        moves.append(why)
        return "6"

    def no_scorer(version: str) -> None:
        raise AssertionError("logged scores need no model")

    installation.__dict__["registry"] = SimpleNamespace(
        live=lambda: "7",
        epoch=lambda: 2,
        promised=lambda version: {"ndcg_at_10": 0.9},
        folder=Path,
        rollback=rollback,
        scorer=no_scorer,
        history=tuple,
    )
    monkeypatch.setattr(Observed, "recomputed", lambda self, at, rows: self.served_by_release("7")[1])
    return installation


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp() as stored:  # what a schedule is given has to be stored
        yield stored


def serve(at: Installation, day: date, *, pages: int = PAGES, scored: bool = True) -> None:
    """A day's pages of release 7, as logged and as observed: scores tell the labels, features made again deceive."""
    rng, count = np.random.default_rng(day.toordinal()), pages * SHOWN
    moment = pd.Timestamp(day, tz="UTC") + pd.Timedelta(hours=12)
    label = (rng.random(count) < 0.3).astype(np.float32)
    score = (0.6 * label + rng.random(count)).astype(np.float32)
    values = rng.random((count, len(FEATURES))).astype(np.float32)
    keys = {
        "request_id": [f"{day}-{i // SHOWN}" for i in range(count)], "video_id": [f"v{i % SHOWN}" for i in range(count)]
    }  # fmt: skip
    log = pd.DataFrame(keys).assign(
        user_id="u", event_time=moment, received_at=moment, position=1 + np.arange(count) % SHOWN, device="phone",
        variant="champion", release="7", served_by="full", source=None, propensity=1.0,
        score=score if scored else None, served_features=list(values),
    )  # fmt: skip
    at.lake.append("tables/impressions", day, pa.Table.from_pandas(log, schema=IMPRESSIONS.schema))
    users = [f"u{i // SHOWN % 40}" for i in range(count)]
    frame = pd.DataFrame(keys).assign(**{TASK.target: label, GAIN: label, JUDGED: True, "user_id": users})
    frame["event_timestamp"] = pd.Series([moment] * count).astype("datetime64[us, UTC]")
    observed = dataset.dataset_of(frame, -values, FEATURES, (), {})
    dataset.save_dataset(at.lake, f"observed-{day}", observed)


def measured(at: Installation, asset: str, day: date, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    """The run of one asset of monitoring for a day."""
    assets = [a for a in monitoring.assets(at, days(at)) if a.key == dg.AssetKey(asset)]
    return dg.materialize(assets, partition_key=day.isoformat(), instance=instance)


def alerts(at: Installation) -> list[dict[str, Any]]:
    path = at.settings.home / "alerts.jsonl"
    return [msgspec.json.decode(line) for line in path.read_bytes().splitlines()] if path.exists() else []


def decided(at: Installation, instance: dg.DagsterInstance, cursor: str | None = None) -> Any:
    definitions = pipeline(at)
    context = dg.build_sensor_context(instance, cursor, definitions=definitions)
    return definitions.resolve_sensor_def("retraining_sensor").evaluate_tick(context)


def scheduled(at: Installation, instance: dg.DagsterInstance) -> Any:
    definitions = pipeline(at)
    repository = definitions.get_repository_def()
    with dg.build_schedule_context(instance, scheduled_execution_time=NOW, repository_def=repository) as context:
        return definitions.resolve_schedule_def("retrain_schedule").evaluate_tick(context)


def frozen_at(at: Installation) -> None:
    """Two days of skew, written into the record of this home as the nightly job writes it."""
    os.environ.update(environment(at.settings))
    with dg.DagsterInstance.get() as recorded:
        for day in DAYS[:2]:
            serve(at, day)
            measured(at, "skew", day, recorded)


def skewed(self: Observed, at: Installation, rows: Any) -> Any:
    """What training would make: one feature is otherwise in one row of a hundred."""
    served = self.served_by_release("7")[1].copy()
    served[::100, 3] += 1
    return served


def test_served_as_trained_passes_alerts_nobody_and_freezes_nothing(
    at: Installation, instance: dg.DagsterInstance, moves: list[str]
) -> None:
    for day in DAYS[:2]:
        serve(at, day)
        (check,) = measured(at, "skew", day, instance).get_asset_check_evaluations()
        assert check.passed
    assert [e.present for e in newest(instance, dg.AssetKey("skew"))] == [False, False]
    assert decided(at, instance).skip_message == "nothing confirmed"
    assert len(scheduled(at, instance).run_requests) == 1
    assert alerts(at) == moves == []


def test_skew_fails_the_check_falls_back_once_and_freezes_training_until_days_without_it(
    at: Installation, instance: dg.DagsterInstance, moves: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(Observed, "recomputed", skewed)
        serve(at, DAYS[0])
        run = measured(at, "skew", DAYS[0], instance)
        assert run.success, "the other assets of monitoring go on"
        (check,) = run.get_asset_check_evaluations()
        assert not check.passed
        assert FEATURES[3] in check.metadata["skew"].value
        assert [FEATURES[3] in alert["skew"] for alert in alerts(at)] == [True]
        first = decided(at, instance)
        assert moves == [], "one window alone confirms nothing"
        assert len(scheduled(at, instance).run_requests) == 1
        serve(at, DAYS[1])
        measured(at, "skew", DAYS[1], instance)
    second = decided(at, instance, first.cursor)
    assert not second.run_requests
    assert "training is frozen until windows without skew, or 2026-05-14" in second.skip_message
    assert [FEATURES[3] in why for why in moves] == [True]
    assert alerts(at)[-1]["rollback"] == "release 6 is live again"
    assert "training is frozen" in scheduled(at, instance).skip_message
    third = decided(at, instance, second.cursor)
    assert len(moves) == 1, "evidence causes no second rollback"
    serve(at, DAYS[2])
    measured(at, "skew", DAYS[2], instance)  # mended; and the day before is measured again
    measured(at, "skew", DAYS[1], instance)
    assert decided(at, instance, third.cursor).skip_message == "nothing confirmed"
    assert len(scheduled(at, instance).run_requests) == 1


def test_who_runs_a_job_by_hand_trains_nothing_by_accident_while_training_is_frozen(
    at: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in environment(at.settings):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Observed, "recomputed", skewed)
    frozen_at(at)
    with pytest.raises(Frozen, match=r"retrain is not run: training is frozen until .*`--despite-freeze`"):
        execute(at, "retrain", DAYS[1], DAYS[1])
    lines: list[str] = []
    result = execute(at, "daily", DAYS[1], DAYS[1], lines.append)
    steps = {step.split("__")[0] for step in (event.step_key or "" for event in result.all_events)}
    assert "runs without training and release" in lines[0]
    assert not steps & {"labels", "training_set", "ranker", "registered", "champion"}
    assert IMPRESSIONS.name in steps, "what is not trained goes on"
    released = execute(at, "release", DAYS[1], DAYS[1], despite_freeze=True)
    assert "registered_release" in {event.step_key for event in released.all_events}


def test_where_there_is_no_earlier_release_people_are_told(
    at: Installation, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rollback(*facts: object, **more: object) -> str:
        raise NotProven("there is nothing to roll back to")

    at.registry.rollback = rollback  # type: ignore[method-assign, assignment]
    monkeypatch.setattr(Observed, "recomputed", skewed)
    for day in DAYS[:2]:
        serve(at, day)
        measured(at, "skew", day, instance)
    decided(at, instance)
    assert alerts(at)[-1]["rollback"] == "there is nothing to roll back to"


def test_a_row_that_differs_by_chance_is_told_and_decides_nothing(
    at: Installation, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def one_row(self: Observed, at: Installation, rows: Any) -> Any:
        served = self.served_by_release("7")[1].copy()
        served[0, 3] += 1
        return served

    monkeypatch.setattr(Observed, "recomputed", one_row)
    serve(at, DAYS[0], pages=50)
    (check,) = measured(at, "skew", DAYS[0], instance).get_asset_check_evaluations()
    assert not check.passed
    assert len(alerts(at)) == 1
    assert [e.present for e in newest(instance, dg.AssetKey("skew"))] == [None]


@pytest.mark.parametrize(("trained", "finding"), [(AS_PUBLISHED, "stale"), (NIGHTLY, "as trained")])
def test_states_staler_than_those_trained_with_fail_a_check_of_their_own(
    at: Installation, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, trained: Freshness, finding: str
) -> None:
    monkeypatch.setattr(monitoring, "freshness_trained_with", lambda at, version: trained)
    serve(at, DAYS[0])  # at noon
    works_daily(at, [DAYS[0] - timedelta(days=1)])
    published = [datetime.combine(DAYS[0], time(hour), UTC) for hour in range(1, 12)]
    at.lake.append("states/user", DAYS[0], pa.table({"event_timestamp": pa.array(published, MOMENT)}))
    run = measured(at, "freshness", DAYS[0], instance)
    assert run.success
    (check,) = run.get_asset_check_evaluations()
    assert check.passed is (finding == "as trained")
    (event,) = run.get_asset_materialization_events()
    assert event.materialization.metadata["finding"].value == finding
    assert event.materialization.metadata["largest median lag (s)"].value == 11 * 3600
    written = [alert["freshness"] for alert in alerts(at)]
    assert ["the worst user: more than 0:15:00 staler in 100% of 2,400 rows" in line for line in written] == (
        [True] if finding == "stale" else []
    )
    assert newest(instance, dg.AssetKey("skew")) == [], "the code serves what it should"


def test_few_rows_prove_nothing(at: Installation, instance: dg.DagsterInstance) -> None:
    serve(at, DAYS[0], pages=5)
    (check,) = measured(at, "skew", DAYS[0], instance).get_asset_check_evaluations()
    assert check.passed
    assert [e.present for e in newest(instance, dg.AssetKey("skew"))] == [None]


@pytest.mark.parametrize(("promised", "drop"), [(0.9, False), (0.99, True)])
def test_live_figures_are_those_of_logged_scores_not_of_features_made_again(
    at: Installation, instance: dg.DagsterInstance, promised: float, drop: bool
) -> None:
    at.registry.promised = lambda version: {"ndcg_at_10": promised}  # type: ignore[method-assign]
    serve(at, DAYS[0])
    (event,) = measured(at, "outcomes", DAYS[0], instance).get_asset_materialization_events()
    figures = {name: value.value for name, value in event.materialization.metadata.items()}
    assert figures["rows 7"] == PAGES * SHOWN
    assert 0.85 < figures["auc 7"] < 0.95  # type: ignore[operator]
    evidence = newest(instance, dg.AssetKey("outcomes"))
    assert [(e.kind, e.present) for e in evidence] == [("merit drop", drop)]


def test_before_scores_were_logged_the_logged_features_are_scored(at: Installation) -> None:
    serve(at, DAYS[0], scored=False)
    observed = Observed.load(at, DAYS[0])
    assert observed is not None
    first = FittedColumn(FEATURES[0], 0, 1.0, probabilistic=False)
    at.registry.scorer = lambda version: first  # type: ignore[method-assign]
    served = np.stack(observed.served["served_features"].to_list())
    assert np.array_equal(observed.logged_scores(at, "7"), served[:, 0])
    assert not np.isfinite(observed.logged_scores(at, "8")).any(), "scored by no other release"


def test_what_no_model_ranked_has_no_score(at: Installation) -> None:
    serve(at, DAYS[0])
    observed = Observed.load(at, DAYS[0])
    assert observed is not None
    observed.served.loc[:4, ["score", "release"]] = None
    observed.served.loc[:4, "served_features"] = None
    frame = observed.outcome_frame(at, "7")
    assert frame["score"].isna().sum() == 5
    assert (frame["release"].isna() == frame["score"].isna()).all()
