"""An answer replayed: what was served gives the same scores, and whatever was changed afterwards is named."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from infra.errors import DefinitionError, ReleaseMismatch
from infra.settings import Settings
from orchestration.reproduction import Replay, replayed
from orchestration.system import Installation
from orchestration.systems.home_feed import HOME_FEED
from tests.orchestration.commands.test_cli import flywheel
from tests.serving.caller import Client
from tests.serving.conftest import NOW, World
from validation.systems.home_feed import IMPRESSIONS

KINDS = ("xgboost", "column")
Row = dict[str, Any]
Change = Callable[[list[Row]], None]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, redis_address: str) -> dict[str, list[Row]]:
    """The logged rows of one answer of each kind of release, and of one that no release scored; with their home."""
    answers = {}
    for kind in (*KINDS, "none"):
        home = tmp_path_factory.mktemp(kind)
        world = World(Settings(home=home, redis_url=redis_address, replay_from=NOW))
        world.fill()
        world.count("video", [(v,) for v in world.videos], lambda i, name: float(200 - i if i < 20 else i % 3))
        if kind != "none":
            world.release("7", kind=kind)
            world.promote("7")
        with Client(world) as client:
            answer = client.feed(limit=20, preview=False)
        (log,) = (Settings(home=home).landing / "impressions").glob("*.jsonl")
        answers[kind] = [json.loads(line) for line in log.read_text().splitlines()]
        assert {row["request_id"] for row in answers[kind]} == {answer["request_id"]}
        answers[f"home of {kind}"] = [{"home": str(home)}]
    return answers


def at(served: dict[str, list[Row]], kind: str, home: Path, change: Change | None = None) -> tuple[Installation, str]:
    """An installation whose landing has the answer's rows, some of them changed; and the request's id."""
    rows = [dict(row) for row in served[kind]]
    if change:
        change(rows)
    log = Settings(home=home).landing / "impressions" / "impressions-1.jsonl.open"  # still written
    log.parent.mkdir(parents=True)
    log.write_text("".join(json.dumps(row) + "\n" for row in rows) + '{"half a li')
    if kind != "none":
        was = Settings(home=served[f"home of {kind}"][0]["home"])
        shutil.copytree(was.releases, Settings(home=home).releases)
    return Installation(HOME_FEED, Settings(home=home)), rows[0]["request_id"]


def replay(served: dict[str, list[Row]], home: Path, change: Change | None = None, kind: str = "xgboost") -> Replay:
    return replayed(*at(served, kind, home, change))


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_served_is_scored_the_same_to_the_last_bit(
    served: dict[str, list[Row]], tmp_path: Path, kind: str
) -> None:
    replay_of_answer = replay(served, tmp_path, kind=kind)
    assert replay_of_answer.same, replay_of_answer.differences
    assert f"all {len(served[kind])} scores are equal to the last bit" in replay_of_answer.notes
    assert any("exploration drawn again" in note and "as logged" in note for note in replay_of_answer.notes)
    assert [row[1] for row in replay_of_answer.table()] == [row["video_id"] for row in served[kind]]


def test_rows_that_were_ingested_are_replayed_from_the_lake(served: dict[str, list[Row]], tmp_path: Path) -> None:
    installation, request = at(served, "xgboost", tmp_path)
    rows = [{**row, **dict.fromkeys(("event_time", "received_at"), NOW)} for row in served["xgboost"]]
    installation.lake.append("tables/impressions", NOW.date(), pa.Table.from_pylist(rows, schema=IMPRESSIONS.schema))
    shutil.rmtree(installation.settings.landing)
    for day in (None, NOW.date()):
        assert replayed(installation, request, day).same
    with pytest.raises(DefinitionError, match="is in no row of 2026-05-02 of impressions"):
        replayed(installation, request, date(2026, 5, 2))


def a_score(rows: list[Row]) -> None:
    rows[3]["score"] += 1e-6


def a_feature(rows: list[Row]) -> None:
    place = [feature.name for feature in HOME_FEED.features.features].index("video_long_view_1d")
    rows[2]["served_features"] = [v if i != place else (v or 0) + 40 for i, v in enumerate(rows[2]["served_features"])]


def a_propensity(rows: list[Row]) -> None:
    rows[5]["propensity"] = 0.5


@pytest.mark.parametrize(("change", "place"), [(a_score, 3), (a_feature, 2), (a_propensity, None)])
def test_whatever_was_changed_is_named(
    served: dict[str, list[Row]], tmp_path: Path, change: Change, place: int | None
) -> None:
    changed = replay(served, tmp_path, change)
    assert not changed.same
    (difference,) = changed.differences
    named = "propensities are not those" if place is None else f"{served['xgboost'][place]['video_id']}: score "
    assert named in difference
    assert [row[-1] for row in changed.table()].count("differs") == (place is not None)


def test_what_the_log_does_not_hold_is_said(served: dict[str, list[Row]], tmp_path: Path) -> None:
    def before_scores_were_logged(rows: list[Row]) -> None:
        for row in rows:
            del row["score"]

    old = replay(served, tmp_path / "old", before_scores_were_logged)
    assert old.same
    assert old.scores is not None, "they are rebuilt all the same"
    assert "scores were not logged when this answer was given" in old.notes[0]
    unscored = replay(served, tmp_path / "unscored", kind="none")
    assert unscored.scores is None
    assert "no release scored this answer (served by popular)" in unscored.notes[0]


def test_features_of_another_release_are_refused(served: dict[str, list[Row]], tmp_path: Path) -> None:
    def fewer(rows: list[Row]) -> None:
        for row in rows:
            row["served_features"] = row["served_features"][:-1]

    with pytest.raises(DefinitionError, match=r"its rows hold \d+ features, release 7 reads \d+"):
        replay(served, tmp_path, fewer)


def test_a_release_whose_files_are_gone_is_named_and_can_be_brought_back(
    served: dict[str, list[Row]], tmp_path: Path
) -> None:
    installation, request = at(served, "xgboost", tmp_path)
    folder, backup = installation.settings.releases / "7", tmp_path / "backup"
    folder.rename(backup)
    with pytest.raises(ReleaseMismatch, match=f"scored by release 7, whose files are gone.*Bring {folder} back"):
        replayed(installation, request)
    backup.rename(folder)
    assert replayed(installation, request).same


def test_the_command_prints_both_scores_and_its_exit_status_says_whether_they_agree(
    served: dict[str, list[Row]], tmp_path: Path
) -> None:
    _, request = at(served, "xgboost", tmp_path / "same")
    done = flywheel(tmp_path / "same", "replay", request)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "served by full, release 7; logged in impressions-1.jsonl.open" in done.stdout
    at(served, "xgboost", tmp_path / "changed", a_score)
    done = flywheel(tmp_path / "changed", "replay", request)
    assert done.returncode == 1
    assert f"{served['xgboost'][3]['video_id']}: score" in done.stdout


def test_an_unknown_request_is_said_with_where_ids_come_from(tmp_path: Path) -> None:
    done = flywheel(tmp_path, "replay", "0123")
    assert done.returncode == 2
    assert "request `0123` is in no row of impressions" in done.stdout
    assert "`flywheel rank USER`" in done.stdout


def test_a_system_that_logs_no_answers_says_so(tmp_path: Path) -> None:
    tables = tuple(
        replace(table, columns=tuple(c for c in table.columns if c.name != "request_id"), key=("video_id",))
        if table is IMPRESSIONS else table for table in HOME_FEED.tables
    )  # fmt: skip
    task = replace(HOME_FEED.task, unit="user_id", exact=())
    silent = Installation(replace(HOME_FEED, tables=tables, task=task, trial=None), Settings(home=tmp_path))
    with pytest.raises(DefinitionError, match="logs no answers"):
        replayed(silent, "1f")
