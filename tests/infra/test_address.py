"""No password of an address is shown: not by the function that hides it, and by no place that shows addresses."""

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.address import shown
from infra.errors import FlywheelError, Unavailable
from infra.settings import Settings

ROOT = Path(__file__).parents[2]
SECRET = "hunter2-never-told"
REDIS = f"redis://app:{SECRET}@127.0.0.1:1/0"
MLFLOW = f"postgresql+psycopg2://mlflow:{SECRET}@127.0.0.1:1/mlflow"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("redis://:pw@host:6379/0", "redis://:***@host:6379/0"),
        ("rediss://app:pw@host", "rediss://app:***@host"),
        ("Redis at redis://app:a@b:c@host:1/0: refused", "Redis at redis://app:***@host:1/0: refused"),
        ("'postgresql+psycopg2://u:pw@db/m' and http://x:y@z", "'postgresql+psycopg2://u:***@db/m' and http://x:***@z"),
        ("redis://host:6379/0?password=pw&db=1", "redis://host:6379/0?password=***&db=1"),
        ("redis://host:6379/0", "redis://host:6379/0"),
        ("unix:///home/me@work/redis.sock", "unix:///home/me@work/redis.sock"),
        ("http://127.0.0.1:3700/docs, mail me@example.org", "http://127.0.0.1:3700/docs, mail me@example.org"),
    ],
)
def test_a_password_is_hidden_and_the_rest_stays(text: str, left: str) -> None:
    assert shown(text) == left


@given(st.text(st.characters(exclude_categories=("Z", "C", "S"), exclude_characters="'\"/*"), min_size=1))
def test_whatever_a_password_holds_it_is_hidden(password: str) -> None:
    assert shown(f"at redis://app:{password}@host:1/0 now") == "at redis://app:***@host:1/0 now"


def test_every_error_of_ours_hides_it() -> None:
    error = pickle.loads(pickle.dumps(Unavailable(f"Redis at {REDIS} is down")))
    assert str(error) == "Redis at redis://app:***@127.0.0.1:1/0 is down"
    assert SECRET not in repr(error)
    assert str(FlywheelError()) == ""


def test_settings_do_not_tell_it_when_they_are_printed() -> None:
    assert SECRET not in repr(Settings(redis_url=REDIS, mlflow_uri=MLFLOW))


def test_settings_that_are_wrong_do_not_tell_what_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYWHEEL_SERVICE_PORT", SECRET)
    with pytest.raises(ValueError, match="service_port") as wrong:
        Settings()
    assert SECRET not in str(wrong.value)


def _lines_of_up(settings: Settings) -> Any:
    from orchestration import up

    return [(program.name, program.command) for program in up.programs(settings)]


def _redis_that_is_not_there(settings: Settings) -> Any:
    from feature_repo.records.redis_client import connect, errors_as_unavailable

    with pytest.raises(Unavailable) as error, connect(settings.redis_url) as redis, errors_as_unavailable(redis):
        redis.ping()
    return error.value


def _redis_that_is_elsewhere(settings: Settings) -> Any:
    from infra import redis_server

    with pytest.raises(Unavailable) as error, redis_server.running(
        settings.redis_url.replace("127.0.0.1", "192.0.2.1"), settings.home
    ):  # fmt: skip
        pass
    return error.value


def _link_of_the_service(settings: Settings) -> Any:
    import asyncio

    from serving.asker.redis_link import RedisLink

    async def asked() -> Exception:
        link = RedisLink(settings.redis_url, 0.1)
        await link.start()
        try:
            await link.ask(("PING",))
        except Unavailable as error:
            return error
        finally:
            await link.stop()
        raise AssertionError("nothing listens there")

    return asyncio.run(asked())


def _mlflow_behind_a_sign_in(settings: Settings) -> Any:
    from training.registry import tracking

    of = tracking.mlflow_client(settings.model_copy(update={"mlflow_uri": f"http://me:{SECRET}@127.0.0.1:1"}))
    return of.tracking_uri


@pytest.mark.parametrize(
    "place",
    [_lines_of_up, _redis_that_is_not_there, _redis_that_is_elsewhere, _link_of_the_service,
     _mlflow_behind_a_sign_in],
)  # fmt: skip
def test_no_place_that_knows_it_tells_it(place: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_URI"):
        monkeypatch.setenv(name, "")  # restored afterwards
    said = place(Settings(home=tmp_path, redis_url=REDIS, mlflow_uri=MLFLOW))
    assert SECRET not in f"{said} {said!r}"


def test_no_line_that_prints_an_address_prints_it_bare() -> None:
    """Wherever an address goes into a text, it goes through `shown`, or into an error of ours, which does."""
    folders = ("orchestration", "serving", "feature_repo", "training", "monitoring")
    named = ("settings.redis_url", "at.settings.redis_url", "settings.tracking_uri", "settings.mlflow_uri")
    bare = ("says = settings.redis_url", *(f"{{{name}}}" for name in named))
    sources = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    found = [f"{path}: {word}" for path in sources for word in bare if word in path.read_text()]
    assert not found


def test_the_service_makes_its_home_for_its_owner_alone(tmp_path: Path) -> None:
    home = tmp_path / "home"
    run = [sys.executable, "-c", "import serving.service, pathlib; pathlib.Path('file').touch()"]
    env = {"FLYWHEEL_HOME": str(home), "PATH": "", "PYTHONPATH": str(ROOT)}
    subprocess.run(run, check=True, capture_output=True, env=env, cwd=tmp_path)
    made = [*home.rglob("*"), home]
    assert made
    assert not [path for path in (*made, tmp_path / "file") if path.stat().st_mode & 0o077]
