"""The Redis server that is started where none runs: what it holds outlives it, and nobody else gets at it."""

import stat
import threading
from pathlib import Path

import pytest
import redis

from infra import redis_server, redis_version
from infra.errors import Unavailable, Unsafe
from infra.redis_config import socket_path
from infra.redis_server import running
from infra.redis_version import ServerVersion
from infra.settings import Settings, socket_url
from tests.conftest import free_port

SECRET = 'p@ss:w"ord/%'
QUOTED = "p%40ss%3Aw%22ord%2F%25"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with a name that wants quoting."""
    return tmp_path / 'a "home" of ours'


def test_what_it_holds_is_there_again_when_it_is_started_again(home: Path) -> None:
    url = Settings(home=home).redis_url
    with running(url, home / "redis"), redis.Redis.from_url(url) as client:
        client.set("kept", "yes")
    with running(url, home / "redis"), redis.Redis.from_url(url) as client:
        assert client.get("kept") == b"yes"


def test_without_an_address_only_its_owner_reaches_it(home: Path) -> None:
    url = Settings(home=home).redis_url
    assert url.startswith("unix://")
    (home / "redis").mkdir(parents=True, mode=0o755)
    with running(url, home / "redis"):
        folder, socket = home / "redis", socket_path(url)
        assert socket is not None, "in the folder, or elsewhere when its path is too long for a socket"
        assert not [path for path in (folder, socket) if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)]
        assert {"redis.conf", "redis.log"} <= {path.name for path in folder.iterdir()}


def test_a_home_with_a_long_path_has_a_socket_too(tmp_path: Path) -> None:
    home = tmp_path / ("x" * 120)
    with running(socket_url(home), home / "redis") as url, redis.Redis.from_url(url) as client:
        assert client.ping()
        assert socket_url(home / "other") != url


def test_of_two_who_start_it_at_once_one_does(home: Path) -> None:
    url, seen = socket_url(home), []
    both = threading.Barrier(2)

    def use() -> None:
        both.wait()
        with running(url, home / "redis"), redis.Redis.from_url(url) as client:
            seen.append(client.info("server")["process_id"])
            both.wait()

    threads = [threading.Thread(target=use) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 2
    assert len(set(seen)) == 1


COMMANDS = ("FLUSHALL", "FLUSHDB", "KEYS *", "CONFIG GET dir", "CONFIG SET dir /", "DEBUG OBJECT x", "SHUTDOWN",
            "MODULE LIST", "ACL LIST", "REPLICAOF 192.0.2.1 1", "MONITOR", "SAVE", "CLIENT KILL ID 1",
            "MIGRATE h 1 k 0 1")  # fmt: skip


def test_what_empties_dumps_or_changes_a_server_is_off(home: Path) -> None:
    with running(socket_url(home), home / "redis") as url, redis.Redis.from_url(url) as client:
        client.set("kept", "yes")
        for command in COMMANDS:
            with pytest.raises(redis.exceptions.ResponseError, match=r"no permissions|not allowed"):
                client.execute_command(*command.split())
        assert client.get("kept") == b"yes"
        assert client.register_script("return redis.call('GET', KEYS[1])")(["kept"]) == b"yes"


@pytest.mark.parametrize("user", ["", "app"])
def test_a_password_is_asked_for_and_stands_nowhere(home: Path, user: str) -> None:
    port = free_port()
    url, other = f"redis://{user}:{QUOTED}@127.0.0.1:{port}/0", f"redis://127.0.0.1:{port}/0"
    with running(url, home / "redis"):
        with redis.Redis.from_url(url) as client:
            assert client.ping()
        with pytest.raises(Unavailable, match="FLYWHEEL_REDIS_URL"):
            redis_server.answers(other)
        with pytest.raises(Unavailable, match=r"\*\*\*@") as refused:
            redis_server.answers(url.replace(QUOTED, "wrong-one"))
        assert "wrong-one" not in str(refused.value)
        kept = b"".join(path.read_bytes() for path in (home / "redis").iterdir() if path.is_file())
        commands = b"".join(path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists())
        for secret in (SECRET, QUOTED):
            assert secret.encode() not in kept + commands


def test_an_open_address_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with running(f"redis://127.0.0.1:{free_port()}/0", tmp_path):
        assert "every user of this machine can reach it" in caplog.text


def test_it_can_be_ended_from_outside_and_a_stranger_cannot(home: Path, redis_address: str) -> None:
    redis_server.end(redis_address, home / "redis")
    assert redis_server.answers(redis_address)
    with running(socket_url(home), home / "redis") as url:
        redis_server.end(redis_address, home / "redis")
        assert redis_server.answers(redis_address), "it is not the one whose data is there"
        redis_server.end(url, home / "redis")
        assert not redis_server.answers(url)


def test_what_was_deleted_leaves_the_files_of_a_server_that_appends_to_one(home: Path) -> None:
    with running(socket_url(home), home / "redis", allow=["config|set"]) as url, redis.Redis.from_url(url) as client:
        client.config_set("appendonly", "yes")
        client.set("seen:u42", "v1")
        assert redis_server.saved(url)
        assert b"seen:u42" in contents(home / "redis")
        client.delete("seen:u42")
        assert redis_server.saved(url)
        assert b"seen:u42" not in contents(home / "redis")


def contents(folder: Path) -> bytes:
    """All bytes of the dump and of the append-only file."""
    kept = [path for path in folder.rglob("*") if path.suffix in {".rdb", ".aof"}]
    return b"".join(path.read_bytes() for path in kept)


VERSIONS = [
    ("Redis server v=6.2.14 sha=00000000:0 malloc=jemalloc-5.1.0 bits=64 build=1", False),
    ("Redis server v=6.2.20 sha=0", True),
    ("Redis server v=7.0.15 sha=0", False),
    ("Redis server v=7.2.10 sha=0", False),
    ("Redis server v=7.4.5 sha=0", False),
    ("Redis server v=7.4.6 sha=0", True),
    ("Redis server v=8.0.3 sha=0", False),
    ("Redis server v=8.2.2 sha=0", True),
    ("Redis server v=8.6.4 sha=0", True),
    ("Valkey server v=7.2.10 sha=0", False),
    ("Valkey server v=8.1.4 sha=0", True),
    ("Valkey server v=9.1.2 sha=00000000:1 malloc=libc bits=64 build=1", True),
]


def program(folder: Path, name: str, says: str) -> Path:
    made = folder / name
    made.write_text(f"#!/bin/sh\necho '{says}'\n")
    made.chmod(0o755)
    return made


@pytest.mark.parametrize(("says", "fixed"), VERSIONS)
def test_a_server_of_this_machine_is_taken_when_it_has_the_fix(
    says: str, fixed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = program(tmp_path, "redis-server", says)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(redis_server, "_wheels", lambda: None)
    assert redis_server.executable(accept_old=True) == str(own)
    if fixed:
        assert redis_server.executable() == str(own)
    else:
        with pytest.raises(Unsafe, match=r"CVE-2025-49844.*Update it, or set FLYWHEEL_REDIS_ACCEPT_OLD=true"):
            redis_server.executable()


def test_the_wheels_server_goes_before_an_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, "redis-server", "Redis server v=6.2.14 sha=0")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    found = redis_version.of_program(redis_server.executable())
    assert found is not None
    assert found.fixed


@pytest.mark.parametrize(
    ("info", "found"),
    [
        ({"redis_version": "7.4.5"}, ServerVersion("redis", 7, 4, 5)),
        (
            {"redis_version": "7.2.4", "valkey_version": "9.1.2", "server_name": "valkey"},
            ServerVersion("valkey", 9, 1, 2),
        ),
        ({"redis_version": "255.255.255"}, ServerVersion("redis", 255, 255, 255)),
        ({"redis_version": "odd"}, None),
        ({}, None),
    ],
)
def test_a_server_that_runs_tells_its_version(info: dict[str, str], found: ServerVersion | None) -> None:
    assert redis_version.of_server(info) == found


def test_an_old_server_that_runs_is_refused_unless_accepted(
    redis_address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_version, "of_server", lambda info: ServerVersion("redis", 7, 4, 5))
    with pytest.raises(Unsafe, match=r"redis 7\.4\.5 has no fix of CVE-2025-49844"), running(redis_address, tmp_path):
        pass
    with running(redis_address, tmp_path, accept_old=True):
        pass
