"""The wheel turns once on a small world: files in, a released ranker out, watched; and what is wrong stops it."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import dagster as dg
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import redis
from rich.console import Console

from feature_repo.records import connect, made_views, redis_records
from feature_repo.records.layout import encode, layouts
from feature_repo.stores.agreement import compare
from infra.arrays import Float32s
from infra.clock import Clock
from infra.errors import NotProven
from infra.settings import Settings
from orchestration import funnel, served_again
from orchestration.demo_console import DemoConsole
from orchestration.observed import Observed, observe
from orchestration.release_inputs import newest_candidate, release_inputs, verdict_on
from orchestration.reproduction import rebuilt
from orchestration.runs import execute
from orchestration.served_again import replay_of
from orchestration.sources.simulator import Scale, World, deliver
from orchestration.system import Installation
from orchestration.systems.home_feed import HOME_FEED
from training.fitting import as_served
from training.judging import faults
from training.release import make_candidate
from training.rows import AT, Dataset, dataset_of
from validation.batches import ledger
from validation.definition import GateLimits
from validation.verdict import GateFinding

SCALE = Scale(users=300, videos=1_200, days=5, impressions=20_000, creators=60, categories=8, regions=3)
FIRST, LAST = SCALE.start.date(), (SCALE.end - timedelta(days=1)).date()
SMALL = GateLimits(
    ("popularity", "recency"), min_rows=500, min_units=50, min_slice_units=20, slice_margin=0.2,
    max_calibration_error=0.2,
)  # fmt: skip


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory, redis_address: str) -> Iterator[Installation]:
    """An installation that ingested five days, made features of them, trained and released."""
    with redis.Redis.from_url(redis_address) as client:
        client.flushall()
    home = tmp_path_factory.mktemp("wheel")
    settings = Settings(home=home, redis_url=redis_address, replay_from=SCALE.end)
    installation = Installation(replace(HOME_FEED, limits=SMALL), settings)
    deliver(World.make(SCALE).history(), SCALE, settings.landing)
    return installation


def run(at: Installation, job: str, first: object = LAST) -> dg.ExecuteInProcessResult:
    messages: list[str] = []
    result = execute(at, job, first, LAST, messages.append)  # type: ignore[arg-type]
    assert result.success, "\n".join(messages)
    return result


def metadata(result: dg.ExecuteInProcessResult, asset: str) -> dict[str, object]:
    events = [e for e in result.get_asset_materialization_events() if e.asset_key == dg.AssetKey(asset)]
    return {name: value.value for name, value in events[-1].materialization.metadata.items()}


def vectors(at: Installation) -> list[redis_records.Packed]:
    """The views of users' vectors that are online."""
    with connect(at.settings.redis_url) as client:
        layouts_by_name = made_views.remembered(client, at.system.features.name)
        return [redis_records.read_all_records(client, view) for view in layouts_by_name.values()]


def test_files_become_tables_and_the_ledger_balances(at: Installation) -> None:
    run(at, "ingest", FIRST)
    for table in at.system.tables:
        lines = ledger.read_ledger(at.lake, table.name)
        assert sum(line.received for line in lines) > 0
        assert ledger.balance(at.lake, table.name)["off"] == 0
    assert sum(line.quarantined for line in ledger.read_ledger(at.lake)) > 0, "the simulator breaks some rows"


def test_online_values_equal_offline_values(at: Installation) -> None:
    result = run(at, "features", FIRST)
    checks = {c.check_name: c for c in result.get_asset_check_evaluations()}
    assert checks["online_equals_offline"].passed
    assert checks["online_equals_offline"].metadata["compared"].value > 1_000


def test_the_check_notices_an_online_value_that_differs(at: Installation) -> None:
    layout = layouts(at.system.features)["category"]
    client = connect(at.settings.redis_url)
    records_by_key = {
        key: client.get(key) for key in map(layout.redis_key, redis_records.read_all_records(client, layout).keys)
    }
    header = layout.head.fields["floats"][1]
    for key, record in records_by_key.items():
        client.set(key, record[:header] + np.float32(-1).tobytes() + record[header + 4 :])
    agreement = compare(at.store, at.lake, at.system.features, SCALE.end)
    client.mset(records_by_key)
    assert not agreement.passed
    assert {u.view for u in agreement.unequal} == {"category"}


def test_what_a_stream_has_moved_on_from_is_not_compared(at: Installation) -> None:
    layout = layouts(at.system.features)["category"]
    client = connect(at.settings.redis_url)
    online = redis_records.read_all_records(client, layout)
    later = np.full(len(online.keys), int(SCALE.end.timestamp() * 1e6), dtype=np.int64)
    records = encode(layout, online.values * 2, [later.tolist()], later, later)
    places = [layout.redis_key(key) for key in online.keys]
    before = dict(zip(places, client.mget(places), strict=True))
    redis_records.write_records(client, layout, online.keys, records, SCALE.end)
    agreement = compare(at.store, at.lake, at.system.features, SCALE.end)
    client.mset(before)
    assert agreement.passed
    assert agreement.ahead == len(online.keys)


def test_a_ranker_is_trained_proven_and_goes_live(at: Installation) -> None:
    trained = run(at, "train")
    assert metadata(trained, "ranker")["winner"] in {"logistic_regression", "xgboost"}
    assert not vectors(at), "what is trained is not served yet"
    released = run(at, "release")
    assert [metadata(released, asset)["version"] for asset in ("registered_release", "deployment", "champion")] == [
        "1"
    ] * 3
    assert [check.passed for check in released.get_asset_check_evaluations()] == [True], "one truth"
    assert [len(view.keys) for view in vectors(at)] == [metadata(trained, "ranker")["retrieval users"]]
    assert at.registry.live() == "1"
    pointer = json.loads((at.settings.releases / "live.json").read_text())
    assert pointer["champion"]["version"] == "1"
    assert not list(Path(at.settings.home).rglob("*.pkl")), "nothing is pickled"
    moves = at.registry.history()
    assert [(m.action, m.before, m.after, m.who) for m in moves] == [("promote", None, "1", "dagster")]


@pytest.mark.parametrize("from_events", [False, True], ids=["stored training set", "events"])
def test_a_release_is_made_again_to_the_same_bytes(at: Installation, from_events: bool) -> None:
    rebuild = rebuilt(at, "1", from_events=from_events)
    assert rebuild.rows == ("events" if from_events else "training set in the lake")
    assert rebuild.same, rebuild.sentence()
    assert rebuild.differing == []


def test_the_funnel_is_measured_by_the_simulators_truth(at: Installation) -> None:
    quiet = DemoConsole(Console(quiet=True))
    page = funnel.measured(at, World.make(SCALE), 30, "flywheel funnel --users 30", quiet)
    rows = {line.split("|")[1].strip(): line for line in page.splitlines() if line.startswith("| ")}
    assert {"no steps", "+ Diversity", "+ Caps", "+ FreshSlots", "+ Exploration", "all steps"} <= set(rows)
    assert "nan" not in page


@pytest.mark.parametrize(
    "plant", [faults.shuffled_labels, faults.planted_column], ids=["shuffled labels", "planted column"]
)
def test_what_must_not_be_learned_ends_in_a_refused_gate_and_no_release(at: Installation, plant: object) -> None:
    spoilt = plant(at.training_set(), at.system.task, seed=1)  # type: ignore[operator]
    candidate = make_candidate(release_inputs(at), spoilt, SCALE.end, Clock(SCALE.end))
    assert not candidate.verdict.passed
    with pytest.raises(NotProven, match="gate"):
        newest_candidate(at)
    assert at.registry.newest() == at.registry.live() == "1"


def served_finding(at: Installation, data: Dataset) -> GateFinding:
    verdict = verdict_on(at, data, SCALE.end)
    return next(finding for finding in verdict.findings if finding.gate == "served")


def test_training_rows_made_again_by_the_code_that_serves_are_the_same(at: Installation) -> None:
    data = at.training_set()
    rows = np.random.default_rng(0).choice(len(data.frame), 600, replace=False)
    replayed = replay_of(at)(data, np.sort(rows))
    assert replayed.known.all()
    assert replayed.unlogged == 0
    assert replayed.logged is None, "no row of this history was served by a release"
    trained = as_served(data.matrix[np.sort(rows)], data, at.system.task)
    again = as_served(replayed.matrix, data, at.system.task)
    assert np.array_equal(trained, again, equal_nan=True), "to the last bit"


def test_a_feature_with_other_values_than_serving_makes_is_refused_by_name(at: Installation) -> None:
    data = at.training_set()
    matrix = data.matrix.copy()
    matrix[:, data.features.index("video_age")] *= np.float32(1.001)
    spoilt = dataset_of(data.frame, matrix, data.features, data.lineage, data.neutral)
    finding = served_finding(at, spoilt)
    assert not finding.passed
    assert finding.reason.startswith("`video_age`: training has other values than serving makes")


def test_rows_that_nobody_was_shown_are_refused(at: Installation) -> None:
    data = at.training_set()
    frame = data.frame.copy()
    frame.loc[:9, "request_id"] = [f"copy-{i}" for i in range(10)]
    finding = served_finding(at, dataset_of(frame, data.matrix, data.features, data.lineage, data.neutral))
    assert not finding.passed
    assert finding.reason.startswith("10 rows of the training set are not in the log of what was shown")


def test_features_that_were_really_served_are_asked_too(at: Installation) -> None:
    data, table = at.training_set(), f"tables/{at.system.task.decisions}"
    rows = np.arange(len(data.frame) - 300, len(data.frame))
    before_anything_was_online = np.zeros(len(rows), dtype=np.int64)
    assert at.system.policy is not None
    features = served_again.Again(at, at.system.policy).matrix(data.frame.iloc[rows], before_anything_was_online)
    shown = {day: at.lake.read(table, [day]) for day in at.lake.days(table)}
    try:
        log_as_served(at, data.frame.iloc[rows], features)
        assert "and in 300 rows as they were really served" in served_finding(at, data).reason
        features[:, data.features.index("hour")] += 1
        log_as_served(at, data.frame.iloc[rows], features)
        finding = served_finding(at, data)
    finally:
        at.lake.replace_days(table, shown.items())
    assert not finding.passed
    assert finding.reason.startswith("`hour`: other values were served than training makes of the same states")


def log_as_served(at: Installation, frame: pd.DataFrame, features: Float32s) -> None:
    """Write into the log of what was shown that release 1 served these rows with these features."""
    table, logged = f"tables/{at.system.task.decisions}", frame[["request_id", "video_id"]].copy()
    logged["features"] = list(features)
    for day in at.lake.days(table):
        rows = at.lake.read(table, [day])
        merged = rows.select(["request_id", "video_id"]).to_pandas().merge(logged, "left", ["request_id", "video_id"])
        served = merged["features"].notna()
        changed = {"release": np.where(served, "1", None), "served_by": np.where(served, "full", None)}
        changed["served_features"] = [None if np.ndim(each) == 0 else each.tolist() for each in merged["features"]]
        for name, values in changed.items():
            place = rows.schema.get_field_index(name)
            rows = rows.set_column(place, name, pa.array(list(values), rows.schema.field(name).type))
        at.lake.replace(table, day, rows)


def test_a_day_is_observed_without_opening_what_other_days_brought(at: Installation) -> None:
    """But for what is asked of it as of a moment: states and descriptions are as old as they are."""
    task, near = at.system.task, {LAST, LAST - timedelta(days=1)}  # a clock may be behind at midnight
    names = [f"tables/{task.decisions}", f"tables/{task.outcomes_in}", "labels", f"training_sets/{at.system.name}"]
    others = [file for name in names for file in at.lake.files(name, set(at.lake.days(name)) - near)]
    assert len(others) > len(names)
    contents = {file: file.read_bytes() for file in others}
    try:
        for file in others:
            file.write_bytes(b"not to be opened")
        count, observed = observe(at, LAST), Observed.load(at, LAST)
    finally:
        for file, content in contents.items():
            file.write_bytes(content)
    assert observed is not None
    assert len(observed.matrix) == count > 500
    assert set(observed.dataset.frame[AT].dt.date) == {LAST}


@pytest.mark.parametrize(("limit_ms", "passes"), [(1e-6, False), (1e6, True)])
def test_where_latency_is_limited_a_release_is_timed(at: Installation, limit_ms: float, passes: bool) -> None:
    limited = replace(at.system, limits=replace(at.system.limits, max_latency_ms=limit_ms))
    verdict = verdict_on(Installation(limited, at.settings), at.training_set(), SCALE.end)
    finding = next(finding for finding in verdict.findings if finding.gate == "latency")
    assert finding.passed is passes, finding.reason
    assert "scoring a request takes" in finding.reason


def test_gates_answer_without_a_registry_and_rows_are_built_again_where_a_limit_asks_for_it(at: Installation) -> None:
    limited = replace(at.system, limits=replace(at.system.limits, min_perturbed=50))
    verdict = verdict_on(Installation(limited, at.settings), at.training_set(), SCALE.end)
    assert verdict.passed, verdict.reasons()
    reason = next(finding.reason for finding in verdict.findings if finding.gate == "perturbation")
    assert reason.startswith("none of 150 rows shown until ")
    assert at.registry.newest() == "1"


def test_a_day_like_those_before_is_watched_and_causes_nothing(at: Installation) -> None:
    watched = run(at, "monitor")
    assert metadata(watched, "drift")["finding"] in {"steady", "drift", "not enough rows", "not enough users"}
    assert metadata(watched, "observed")["rows"] > 1_000  # type: ignore[operator]
    outcomes = metadata(watched, "outcomes")
    assert outcomes["finding"] == "not mature yet", "at the day's end its last outcomes are still to come"
    assert "are known at" in str(outcomes["reason"])


def test_a_refused_batch_stops_what_comes_after_it(settings: Settings) -> None:
    at = Installation(HOME_FEED, settings.model_copy(update={"replay_from": SCALE.end}))
    folder = settings.landing / "engagements"
    folder.mkdir(parents=True)
    (folder / f"{LAST}.jsonl").write_text("{ this is not\n" * 50)
    messages: list[str] = []
    result = execute(at, "features", LAST, LAST, messages.append)
    assert not result.success
    assert any("REFUSED" in text and "readable" in text for text in messages), "the check shows a table of what failed"
    assert not [e for e in result.get_asset_materialization_events() if e.asset_key == dg.AssetKey("states")]
