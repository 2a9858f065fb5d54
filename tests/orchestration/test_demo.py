"""The demo goes on when gates refuse a retraining, and ends when something broke; it empties no home but its own."""

import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from infra.errors import DefinitionError, FlywheelError, Unavailable
from infra.settings import Settings
from orchestration import demo, runs
from orchestration.assets.training import GATES
from orchestration.demo.diary import Diary
from orchestration.demo.home import MARK, emptied
from orchestration.demo.story import Story
from orchestration.demo_console import DemoConsole

DAY = date(2026, 3, 18)


def ended(success: bool, *checks: tuple[str, bool]) -> Callable[..., Any]:
    """A way to run a job that ends so, with these checks, and says why."""
    evaluations = [SimpleNamespace(check_name=name, passed=passed) for name, passed in checks]

    def execute(at: Any, job: str, first: date, last: date, say: Callable[[str], None], why: str | None) -> Any:
        if not success:
            say("why it ended so")
        return SimpleNamespace(success=success, get_asset_check_evaluations=lambda: evaluations)

    return execute


def printed(monkeypatch: pytest.MonkeyPatch, execute: Callable[..., Any], trial: Any = None) -> str:
    """What is told of a retraining that ends so, while release 1 is live."""
    live = ["1"]
    monkeypatch.setattr(runs, "execute", execute)
    page = StringIO()
    at: Any = SimpleNamespace(
        registry=SimpleNamespace(
            live=lambda: live[-1], trial=lambda: trial, promote=lambda version, **_: live.append(version)
        ),
        now=lambda: None,
    )
    origin: Any = None
    story = Story(DemoConsole(Console(file=page, width=200)), at, origin, Diary("simulator", 7))
    story.__dict__["later"] = at
    story.retrain(DAY, "drift")
    return page.getvalue()


def test_a_retraining_that_gates_refuse_leaves_the_live_release_and_the_story_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page = printed(monkeypatch, ended(False, ("schema", True), (GATES, False)))
    assert "why it ended so" in page
    assert "so release 1 stays live" in page


def test_a_retraining_that_passes_is_told_with_what_is_live(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "release 1 is live" in printed(monkeypatch, ended(True, (GATES, True)))


def test_what_a_retraining_put_into_shadow_is_promoted_by_hand_for_the_story(monkeypatch: pytest.MonkeyPatch) -> None:
    page = printed(monkeypatch, ended(True, (GATES, True)), SimpleNamespace(version="2", stage="shadow"))
    assert "release 2 is in shadow, as each new one; it is promoted by hand for the story" in page
    assert "release 2 is live" in page


@pytest.mark.parametrize("checks", [(), ((GATES, True),), (("schema", False),)])
def test_a_retraining_that_broke_ends_the_demo(
    monkeypatch: pytest.MonkeyPatch, checks: tuple[tuple[str, bool], ...]
) -> None:
    with pytest.raises(FlywheelError, match="job retrain for 2026-03-18 to 2026-03-18 failed"):
        printed(monkeypatch, ended(False, *checks))


def test_a_home_with_figures_is_free_and_keeps_them_through_one_demo_and_the_next(tmp_path: Path) -> None:
    figures = tmp_path / "bench" / "serve.json"
    figures.parent.mkdir()
    figures.write_text("{}")
    emptied(Settings(home=tmp_path))
    (tmp_path / "lake").mkdir()
    (tmp_path / "summary.json").touch()
    emptied(Settings(home=tmp_path))
    assert figures.read_text() == "{}"
    assert not (tmp_path / "lake").exists()
    assert not (tmp_path / "summary.json").exists()


def test_a_home_with_other_data_is_refused_whatever_figures_it_has(tmp_path: Path) -> None:
    (tmp_path / "bench").mkdir()
    (tmp_path / "lake").mkdir()
    with pytest.raises(DefinitionError, match="no demo wrote"):
        emptied(Settings(home=tmp_path))
    assert (tmp_path / "lake").exists()


def test_a_demo_begins_anew_and_leaves_the_other_systems_of_its_home_alone(tmp_path: Path) -> None:
    at = Settings(home=tmp_path)
    emptied(at)
    for each in (at, at.of("returns")):
        each.lake.mkdir(parents=True)
    emptied(at)
    assert at.of("returns").lake.exists()
    assert not at.lake.exists()


def test_a_home_that_was_half_emptied_is_still_a_demos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    emptied(Settings(home=tmp_path))
    (tmp_path / "lake").mkdir()

    def interrupted(path: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(Path, "iterdir", lambda home: iter([home / MARK, home / "lake"]))  # any order may come
        meanwhile.setattr(shutil, "rmtree", interrupted)
        with pytest.raises(KeyboardInterrupt):
            emptied(Settings(home=tmp_path))
    emptied(Settings(home=tmp_path))
    assert not (tmp_path / "lake").exists()


def story(home: Path, diary: Diary) -> Story:
    """A telling in that home, of nothing yet."""
    moment = datetime(2026, 3, 16, tzinfo=UTC)
    at: Any = SimpleNamespace(settings=SimpleNamespace(home=home), now=lambda: moment)
    origin: Any = None
    return Story(DemoConsole(Console(file=StringIO()), diary.seconds), at, origin, diary)


def test_a_demo_that_was_ended_goes_on_at_its_scene_with_the_figures_of_those_before(tmp_path: Path) -> None:
    played: list[str] = []

    def ingestion() -> None:
        played.append("ingestion")
        first.learned["ledger"] = {"users": {"received": 5}}

    def features() -> None:
        played.append("features")
        if played.count("features") == 1:
            raise KeyboardInterrupt

    first = story(tmp_path, Diary("simulator", 7))
    with pytest.raises(KeyboardInterrupt):
        first.chapter("Events in", ingestion, features)
    again = story(tmp_path, Diary.read(tmp_path))
    again.chapter("Events in", ingestion, features)
    assert played == ["ingestion", "features", "features"]
    assert again.learned["ledger"] == {"users": {"received": 5}}
    assert Diary.read(tmp_path).done == ["ingestion", "features"]


def test_a_demo_that_ends_early_says_how_it_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def ended_early(*_: Any) -> None:
        raise Unavailable("the service: ended with status 1")

    monkeypatch.setattr(demo, "_run_story", ended_early)
    page = StringIO()
    with pytest.raises(Unavailable):
        demo.run_demo(
            Settings(home=tmp_path), source="simulator", path=None, keep=False, seed=9, out=Console(file=page)
        )
    assert "flywheel demo --resume" in " ".join(page.getvalue().split())
    assert Diary.read(tmp_path).seed == 9


def test_where_no_demo_was_begun_there_is_none_to_go_on_with(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="no demo to go on with"):
        Diary.read(tmp_path)
