"""The report of a day: each alarm fires for what it is for, with its owner; on a usual day none does."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from infra.manifest import write_manifest
from infra.settings import Settings
from monitoring.alarms import ALARMS
from monitoring.definition import BusinessMeasure
from monitoring.reference import Reference
from monitoring.slices import parts_of
from orchestration.assets import watch as watch_asset
from orchestration.assets.monitoring import assets as monitoring_assets
from orchestration.partitions import days
from orchestration.release_inputs import REFERENCE
from orchestration.system import Installation
from orchestration.systems.home_feed import HOME_FEED
from orchestration.watching import WatchedDay, WatchReport, watched
from training.rows import GAIN, JUDGED, dataset
from validation.systems.home_feed import DEVICES, ENGAGEMENTS, IMPRESSIONS

DAY = date(2026, 5, 20)
NOW = datetime(2026, 5, 21, 4, tzinfo=UTC)
FEATURES = tuple(feature.name for feature in HOME_FEED.features.features)
PLACE = {name: FEATURES.index(name) for name in ("user_long_view_rate_1d", "account_age")}
PAGES, SHOWN, USERS = 800, 8, 260
TASK = HOME_FEED.task
WATCH = HOME_FEED.watch
assert WATCH is not None


class World:
    """A day of release 7 as it usually is; tests change one thing of it."""

    def __init__(self) -> None:
        rng, count = np.random.default_rng(1), PAGES * SHOWN
        self.frame, self.values, self.scores = rows(1)
        self.served, self.logged = self.values.copy(), self.scores.copy()
        self.made_at = NOW - timedelta(days=2)
        self.merit, self.watches = 0.62, rng.random(count) < 0.3
        self.impressions_before, self.last = count, time(22)
        self.steady_before: list[WatchedDay] = []

    def region(self, name: str) -> np.ndarray:
        return (self.frame["region"] == name).to_numpy()


def rows(seed: int) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    rng, count = np.random.default_rng(seed), PAGES * SHOWN
    habits, region = rng.random((USERS, len(FEATURES))), np.arange(USERS) % 3
    user = np.repeat(rng.integers(0, USERS, PAGES), SHOWN)
    values = (0.7 * habits[user] + 0.3 * rng.random((count, len(FEATURES)))).astype(np.float32)
    scores = np.clip(0.1 + 0.4 * rng.random(count), 0, 1).astype(np.float32)
    moment = pd.Timestamp(DAY, tz="UTC") + pd.to_timedelta(np.arange(count) // SHOWN * 60, unit="s")
    frame = pd.DataFrame({
        "request_id": [f"{i // SHOWN}" for i in range(count)], "video_id": [f"v{i % SHOWN}" for i in range(count)],
        "user_id": [f"u{u}" for u in user], "region": np.array(["br", "de", "in"])[region[user]],
        "device": np.array(DEVICES)[user % 2], "category": [f"c{i % 5}" for i in range(count)],
        "event_timestamp": pd.Series(moment).astype("datetime64[us, UTC]"),
        TASK.target: (rng.random(count) < scores).astype(np.float32), JUDGED: True,
    })  # fmt: skip
    return frame.assign(**{GAIN: frame[TASK.target]}), values, scores


@pytest.fixture
def at(settings: Settings, tmp_path: Path) -> Installation:
    installation = Installation(HOME_FEED, settings.model_copy(update={"replay_from": NOW}))
    frame, values, scores = rows(0)
    words = {name: frame[name].to_numpy(dtype=object) for name in ("region", "device")}
    users = frame["user_id"].to_numpy()
    reference = Reference.of(values, FEATURES, scores, users=users).with_slices(
        values, scores, parts_of(words), users, merits={f"region={name}": (0.62, 0.01) for name in ("br", "de", "in")}
    )
    (tmp_path / REFERENCE).write_bytes(reference.to_json())
    installation.__dict__["registry"] = SimpleNamespace(live=lambda: "7", folder=lambda version: tmp_path)
    return installation


def happen(at: Installation, world: World, tmp_path: Path) -> None:
    """Write the day, the days before it, and the release."""
    (tmp_path / "recipe.json").write_text("{}")
    write_manifest(
        tmp_path, system="s", version="7", created_at=world.made_at, kind="column", features=("a",), dataset_digest="d"
    )
    at.registry.promised = lambda version: {"ndcg_at_10": world.merit}  # type: ignore[method-assign]
    frame = world.frame
    received = pd.Timestamp(datetime.combine(DAY, world.last, UTC))
    log = frame[["request_id", "video_id", "user_id", "device"]].assign(
        event_time=frame["event_timestamp"], received_at=received, position=1, variant="champion", release="7",
        served_by="full", source=None, propensity=1.0, score=world.logged, served_features=list(world.served),
    )  # fmt: skip
    at.lake.append("tables/impressions", DAY, pa.Table.from_pandas(log, schema=IMPRESSIONS.schema))
    watches = frame[["request_id", "video_id", "user_id"]][world.watches].reset_index(drop=True)
    watches = watches.assign(
        event_id=[f"e{i}" for i in range(len(watches))], action="watch", watch_seconds=40.0, long_view=None,
        event_time=pd.Timestamp(DAY, tz="UTC") + pd.Timedelta(hours=12), received_at=received,
    )  # fmt: skip
    at.lake.append("tables/engagements", DAY, pa.Table.from_pandas(watches, schema=ENGAGEMENTS.schema))
    for n in range(1, 6):
        few = log.head(world.impressions_before)[["request_id"]]
        at.lake.append("tables/impressions", DAY - timedelta(days=n), pa.Table.from_pandas(few))
    dataset.save_dataset(at.lake, f"observed-{DAY}", dataset.dataset_of(frame, world.values, FEATURES, (), {}))
    folder = at.settings.reports / "watch"
    folder.mkdir(parents=True, exist_ok=True)
    for n, each in enumerate(reversed(world.steady_before), 1):
        (folder / f"{DAY - timedelta(days=n)}.json").write_bytes(msgspec.json.encode(each))


def usual_days(last_worse: tuple[str, ...] = ()) -> list[WatchedDay]:
    return [WatchedDay({"long_views": 2.6 + n % 3 / 20}, last_worse * (n == 11), True) for n in range(12)]


def nulls(world: World) -> None:
    world.served[world.region("br"), PLACE["account_age"]] = np.nan


def drift(world: World) -> None:
    world.served[:, PLACE["user_long_view_rate_1d"]] *= 0.3


def scores(world: World) -> None:
    world.logged = (world.logged * 0.5).astype(np.float32)


def calibration(world: World) -> None:
    world.frame[TASK.target] = np.float32(world.frame[TASK.target] * (np.arange(len(world.frame)) % 5 == 0))


def merit(world: World) -> None:
    world.merit, world.steady_before = 0.9, [WatchedDay(dropped=("7",))]


def slice_falls(world: World) -> None:
    there = world.region("in")
    world.frame.loc[there, GAIN] = world.frame.loc[there, TASK.target] = (world.scores[there] < 0.2).astype(np.float32)


def unseen(world: World) -> None:
    world.frame.loc[world.region("de") & (np.arange(len(world.frame)) % 3 == 0), "region"] = "moon"


def age(world: World) -> None:
    world.made_at = NOW - timedelta(days=9)


def volume(world: World) -> None:
    world.impressions_before = PAGES * SHOWN // 6


def silence(world: World) -> None:
    world.last = time(0)


def business(world: World) -> None:
    world.watches, world.steady_before = world.watches & (np.arange(PAGES * SHOWN) % 2 == 0), usual_days()


def goodhart(world: World) -> None:
    business(world)
    world.steady_before = usual_days(last_worse=("long_views",))


CHANGES: list[Callable[[World], None]] = [
    nulls,
    drift,
    scores,
    calibration,
    merit,
    slice_falls,
    unseen,
    age,
    volume,
    business,
    goodhart,
]


def test_on_a_usual_day_no_alarm_fires(at: Installation, tmp_path: Path) -> None:
    world = World()
    world.steady_before = usual_days()
    happen(at, world, tmp_path)
    report = watched(at, WATCH, DAY)
    assert report.alarms == ()
    assert {line["slice"] for line in report.drift} == {"all", *(f"region={r}" for r in ("br", "de", "in")),
                                                        *(f"device={d}" for d in DEVICES[:2])}  # fmt: skip
    assert report.freshness["impressions"]["rows"] == PAGES * SHOWN
    assert report.model_age_days == 1.83, "as of the day's end"
    assert report.calibration
    stored = msgspec.json.decode((at.settings.reports / "watch.json").read_bytes(), type=WatchReport)
    assert stored.null_shares == report.null_shares
    assert stored.day == DAY


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_what_an_alarm_is_for_fires_it(at: Installation, tmp_path: Path, change: Callable[[World], None]) -> None:
    world = World()
    change(world)
    happen(at, world, tmp_path)
    report = watched(at, WATCH, DAY)
    raised = {alarm.alarm: alarm for alarm in report.alarms}
    name = change.__name__.removesuffix("_falls")
    assert name in raised, report.alarms
    defined = next(alarm for alarm in ALARMS if alarm.name == name)
    assert (raised[name].owner, raised[name].runbook) == (defined.owner, defined.runbook)
    if change is nulls:
        assert "account_age in region=br: null in 100.0%" in raised[name].says
    if change is slice_falls:
        assert "region=in" in raised[name].says


def test_a_single_day_below_the_promise_is_evidence_and_no_alarm(at: Installation, tmp_path: Path) -> None:
    world = World()
    world.merit = 0.9
    happen(at, world, tmp_path)
    report = watched(at, WATCH, DAY)
    assert "merit drop" in {line["finding"] for line in report.merit}
    assert "merit" not in {alarm.alarm for alarm in report.alarms}


def test_the_asset_writes_each_alarm_for_people_with_its_owner(at: Installation, tmp_path: Path) -> None:
    world = World()
    age(world)
    happen(at, world, tmp_path)
    cut = days(at)
    (own,) = watch_asset.assets(at, cut)
    with dg.DagsterInstance.ephemeral() as instance:
        run = dg.materialize(
            [own, *(a.to_source_assets()[0] for a in monitoring_assets(at, cut) if a.key in own.dependency_keys)],
            partition_key=f"{DAY}", instance=instance, selection=[own],
        )  # fmt: skip
    assert run.success
    (line,) = [msgspec.json.decode(each) for each in (at.settings.home / "alerts.jsonl").read_bytes().splitlines()]
    assert (line["alarm"], line["owner"]) == ("age", "model")
    assert "flywheel up" in line["runbook"]


def test_measures_of_the_product_name_columns_that_are_there() -> None:
    tables = {table.name: {column.name for column in table.columns} for table in HOME_FEED.tables}
    for measure in WATCH.business:
        assert isinstance(measure, BusinessMeasure)
        assert {measure.of, measure.distinct} - {""} <= tables[measure.table or TASK.decisions]
