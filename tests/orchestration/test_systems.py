"""Many systems in one installation, those of the project and those from anywhere else."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest
import typer
from outside import feed_again, payments
from typer.testing import CliRunner

from infra.errors import DefinitionError, NotProven
from infra.settings import Settings
from infra.systems import BUILT_IN, FILE, known, named_system, register
from orchestration.commands import error_messages
from orchestration.commands.cli import app
from orchestration.commands.error_messages import errors_as_exit_status
from orchestration.commands.of_system import with_system
from orchestration.listing import files, lines
from orchestration.system import load_system
from tests.orchestration.commands.test_cli import ROOT, texts_of

Way = Callable[[pytest.MonkeyPatch, Path, Path, str], None]


@pytest.fixture(autouse=True)
def clean_imports() -> Iterator[None]:
    """No test leaves a folder on Python's path, or a module of a folder that is gone."""
    path, modules = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if name.partition(".")[0] in {"returns", "parcels2"}:
            del sys.modules[name]


def by_file(_: pytest.MonkeyPatch, home: Path, folder: Path, path: str) -> None:
    register(Settings(home=home), "returns", path, folder)


def by_setting(monkeypatch: pytest.MonkeyPatch, _: Path, folder: Path, path: str) -> None:
    monkeypatch.setenv("FLYWHEEL_SYSTEMS", json.dumps({"returns": path}))
    monkeypatch.setenv("FLYWHEEL_SYSTEMS_PATH", str(folder))


def by_entry_point(monkeypatch: pytest.MonkeyPatch, _: Path, folder: Path, path: str) -> None:
    monkeypatch.syspath_prepend(folder)
    point = EntryPoint("returns", path, "flywheel.systems")
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: EntryPoints([point]).select(group=group))


@pytest.mark.parametrize("way", [by_file, by_setting, by_entry_point], ids=lambda way: way.__name__)
def test_a_system_from_a_folder_of_ones_own_is_found(way: Way, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    way(monkeypatch, tmp_path / "home", tmp_path / "code", payments(tmp_path / "code", "returns"))
    at = Settings(home=tmp_path / "home", system="returns")
    assert load_system(at).name == "returns"
    [row] = [row for row in lines(at)[0] if row[0] == "returns"]
    assert row[1] == "one payment"


WRONG = {
    "a module that is not there": ("returns", "nowhere.at_all:X", "cannot be loaded: ModuleNotFoundError"),
    "an attribute that is not there": ("returns", "returns.system:NOTHING", "has no attribute 'NOTHING'"),
    "no system": ("returns", "returns.system:DAYS", "is no System: 5"),
    "another name": ("parcels2", "returns.system:FRAUD", "names itself 'returns'. Make both one name"),
    "a module that fails": ("returns", "returns.broken:X", "ZeroDivisionError: division by zero"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_system_that_cannot_be_loaded_names_its_path_and_stops_no_other(case: str, tmp_path: Path) -> None:
    name, path, says = WRONG[case]
    payments(tmp_path / "code", "returns")
    (tmp_path / "code" / "returns" / "broken.py").write_text("1 / 0")
    at = Settings(home=tmp_path / "home", system=name)
    register(at, name, path, tmp_path / "code")
    with pytest.raises(DefinitionError, match=f"system {name}: `{path}`") as refused:
        load_system(at)
    assert says in str(refused.value)
    rows, faults = lines(at)
    assert next(row[1:3] for row in rows if row[0] == "home_feed") == ("one video shown in one feed answer", "2.67 h")
    assert next(row[1] for row in rows if row[0] == name) == "cannot be loaded"
    assert str(refused.value) in faults


def test_a_package_that_python_finds_elsewhere_is_not_taken_for_the_one_in_the_folder(tmp_path: Path) -> None:
    payments(tmp_path / "code", "json")
    at = Settings(home=tmp_path, system="mine")
    register(at, "mine", "json:loads", tmp_path / "code")
    with pytest.raises(DefinitionError, match=r"Python finds `json` in .*Rename your package"):
        load_system(at)


@pytest.mark.parametrize(("name", "path", "says"), [
    ("../up", "a:B", "is no name of a system"), ("Fraud", "a:B", "is no name of a system"),
    ("mine", "a.b", "no import path"), ("mine", "a/b.py:C", "no import path"), ("fraud", "a:B", "project's"),
])  # fmt: skip
def test_names_and_paths_that_cannot_be_are_refused_before_they_are_written(
    name: str, path: str, says: str, tmp_path: Path
) -> None:
    with pytest.raises(DefinitionError, match=says):
        register(Settings(home=tmp_path), name, path, tmp_path)
    assert not (tmp_path / FILE).exists()


def test_the_file_keeps_odd_folders_and_the_systems_that_were_there(tmp_path: Path) -> None:
    at, odd = Settings(home=tmp_path), tmp_path / 'a "quoted" \\ folder\x7f \U0001f600'
    register(at, "one", "one.system:ONE", odd)
    register(at, "two", "two.system:TWO", tmp_path)
    register(at, "two", "two.system:NEWER", tmp_path)
    systems = known(at)
    assert [*systems] == [*BUILT_IN, "one", "two"]
    assert (systems["one"].folder, systems["two"].path) == (odd, "two.system:NEWER")


def test_two_systems_of_one_name_and_a_broken_file_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    register(Settings(home=tmp_path), "one", "one.system:ONE", tmp_path)
    monkeypatch.setenv("FLYWHEEL_SYSTEMS", '{"one": "other.system:ONE"}')
    with pytest.raises(
        DefinitionError, match=r"two systems are named one: `one\.system:ONE`.*Give one of them another"
    ):
        known(Settings(home=tmp_path))
    (tmp_path / FILE).write_text("[one")
    with pytest.raises(DefinitionError, match=r"systems\.toml cannot be read: .*Mend it"):
        known(Settings(home=tmp_path))
    (tmp_path / FILE).write_text("one = 3")
    with pytest.raises(DefinitionError, match=r"\[one\] has no `path"):
        known(Settings(home=tmp_path))
    (tmp_path / FILE).unlink()
    (tmp_path / FILE).mkdir()  # what a container's mount of a file that is not there makes
    with pytest.raises(DefinitionError, match=r"systems\.toml cannot be read: .*Mend it"):
        known(Settings(home=tmp_path))


def test_the_parts_of_two_systems_do_not_meet(tmp_path: Path) -> None:
    one, two = Settings(home=tmp_path), Settings(home=tmp_path, system="fraud")
    for part in ("lake", "landing", "releases", "candidates", "reports", "serving", "stream"):
        assert getattr(one, part) != getattr(two, part)
        assert getattr(one.of("fraud"), part) == getattr(two, part)
    assert one.log("service") != two.log("service")


def test_features_under_another_name_would_meet_those_of_another_system(tmp_path: Path) -> None:
    feed_again(tmp_path, "parcels2")
    file = tmp_path / "parcels2" / "system.py"
    file.write_text(file.read_text().replace("features=SERVED.features, ", ""))
    register(Settings(home=tmp_path), "parcels2", "parcels2.system:PARCELS2", tmp_path)
    with pytest.raises(DefinitionError, match=r"its features are named home_feed.*must not meet"):
        load_system(Settings(home=tmp_path, system="parcels2"))


LOADED = """
import json
from orchestration.definitions import defs
repository = defs.get_repository_def()
names = lambda parts: sorted(part.name for part in parts)
print(json.dumps({
    "assets": sorted(spec.key.to_user_string() for spec in defs.resolve_all_asset_specs()),
    "jobs": names(repository.get_all_jobs()),
    "sensors": names(repository.sensor_defs), "schedules": names(repository.schedule_defs),
    "depend": sorted(dep.asset_key.to_user_string() for spec in defs.resolve_all_asset_specs()
                     if spec.key.to_user_string() == "returns/training_set" for dep in spec.deps),
}))
"""


def test_a_third_system_from_a_folder_stands_beside_the_feed_in_one_code_location(tmp_path: Path) -> None:
    at = Settings(home=tmp_path / "home")
    register(at, "returns", payments(tmp_path / "code", "returns"), tmp_path / "code")
    env = {**os.environ, "FLYWHEEL_HOME": str(at.home), "FLYWHEEL_ENABLED": "home_feed,returns"}
    done = subprocess.run([sys.executable, "-c", LOADED], cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    location = json.loads(done.stdout)
    assert {"states", "champion", "impressions", "returns/states", "returns/payments"} <= {*location["assets"]}
    assert not {"payments", "returns/champion", "returns/impressions"} & {*location["assets"]}
    assert location["depend"] == ["returns/labels", "returns/profiles", "returns/states"]
    assert {"train", "daily", "release", "returns_train", "returns_daily"} <= {*location["jobs"]}
    assert "returns_release" not in location["jobs"], "what serves nothing releases nothing"
    assert {"landing_sensor", "returns_landing_sensor", "failure_sensor"} <= {*location["sensors"]}
    assert location["sensors"].count("failure_sensor") == 1
    assert {"features_schedule", "returns_features_schedule"} <= {*location["schedules"]}


@pytest.fixture
def home_of_two(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home that knows a system of its own beside the project's; what commands set is set back."""
    register(Settings(home=tmp_path / "home"), "parcels2", feed_again(tmp_path / "code", "parcels2"), tmp_path / "code")
    monkeypatch.setenv("FLYWHEEL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FLYWHEEL_SYSTEM", "home_feed")
    return tmp_path / "home"


@pytest.mark.parametrize(
    "words", ["releases --system parcels2", "--system parcels2 releases", "releases --system=parcels2"]
)
def test_every_command_takes_a_system_before_and_after_its_name(
    words: str, home_of_two: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    class NoRegistry:
        def __init__(self, settings: Settings, name: str) -> None:
            asked.extend((settings.system, name))
            raise typer.Exit(7)

    monkeypatch.setattr("training.registry.Registry", NoRegistry)
    assert CliRunner().invoke(app, words.split()).exit_code == 7
    assert asked == ["parcels2", "parcels2"]


def test_every_command_says_that_it_takes_a_system(home_of_two: Path) -> None:
    for command in typer.main.get_command(app).commands:  # type: ignore[attr-defined]
        assert "--system" in CliRunner().invoke(app, [command, "--help"], terminal_width=200).output, command


def test_a_system_that_nobody_knows_is_named_with_the_nearest_one(home_of_two: Path) -> None:
    wrong = CliRunner().invoke(app, ["releases", "--system", "parcel"])
    assert "system `parcel` is not known here. Did you mean `parcels2`?" in str(wrong.exception)
    odd = CliRunner().invoke(app, ["releases", "--system", "../lake"])
    assert "should match pattern" in str(odd.exception)
    assert not (home_of_two / "systems").exists(), "nothing is begun for it"


@pytest.mark.parametrize("words", [["releases", "--system", ""], ["--system=", "releases"]], ids=["after", "before"])
def test_a_name_left_empty_is_no_other_system(words: list[str], home_of_two: Path) -> None:
    empty = CliRunner().invoke(app, words)
    assert empty.exit_code == 2
    assert "it names no system" in empty.output, 'as `--system "$UNSET"` would roll back the feed'


def test_commands_in_what_is_said_name_the_system_that_was_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(error_messages, "end_children", lambda: None)  # here they are the whole test run's
    monkeypatch.setenv("FLYWHEEL_SYSTEM", "parcels2")
    monkeypatch.setattr(sys, "argv", ["flywheel", "promote", "9", "--system=parcels2"])
    with pytest.raises(SystemExit), errors_as_exit_status():
        raise NotProven("nothing is registered. Train a release (`flywheel run train`).")
    assert "(`flywheel run train --system parcels2`)" in capsys.readouterr().out, "not the feed's"
    assert with_system("a\n  flywheel ingest x") == "a\n  flywheel ingest x --system parcels2"
    assert with_system("`flywheel up --systems a,b`") == "`flywheel up --systems a,b`"
    monkeypatch.setattr(sys, "argv", ["flywheel", "releases"])
    assert with_system("`flywheel up`") == "`flywheel up`", "what is exported counts for the next command, too"


@pytest.mark.parametrize(("systems", "says"), [
    ("fraud", "FLYWHEEL_SYSTEMS is 'fraud': this is no JSON"),
    ('{"parcels2": 3}', "FLYWHEEL_SYSTEMS, of parcels2, is 3: Input should be a valid string"),
])  # fmt: skip
def test_a_setting_that_is_no_json_is_named_without_a_traceback(
    systems: str, says: str, home_of_two: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(error_messages, "end_children", lambda: None)  # here they are the whole test run's
    monkeypatch.setenv("FLYWHEEL_SYSTEMS", systems)
    with pytest.raises(SystemExit) as ended, errors_as_exit_status():
        CliRunner().invoke(app, ["systems"], catch_exceptions=False)
    assert ended.value.code == 2
    assert says in capsys.readouterr().out


def test_systems_lists_all_and_shows_the_files_of_one(home_of_two: Path) -> None:
    listed = texts_of(CliRunner().invoke(app, ["systems"]).stdout)
    assert any("parcels2" in text for text in listed)
    own = home_of_two.parent / "code" / "parcels2"
    assert files(named_system(Settings(home=home_of_two, system="parcels2"))) == sorted(own.glob("*.[pm]*"))
    shown = CliRunner().invoke(app, ["systems", "parcels2"]).stdout
    assert all(str(path) in shown for path in (own / "README.md", home_of_two / "systems" / "parcels2"))


def test_the_list_of_systems_loads_nothing_heavy_and_a_command_only_the_system_that_is_meant() -> None:
    code = f"""
import sys
from infra.settings import Settings
from orchestration.system import load_system
load_system(Settings())
print([name for name in {[*BUILT_IN]} if f"orchestration.systems.{{name}}" in sys.modules])
from orchestration.listing import lines
lines(Settings())
print([name for name in ("dagster", "pyspark", "pandas", "mlflow", "feast", "xgboost") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["['home_feed']", "[]"]
