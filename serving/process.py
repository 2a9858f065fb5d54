"""The service as a process of its own: started, awaited and stopped with everything it started."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from serving import keyring
from validation.errors import Unavailable
from validation.patience import Patience, Process, Waiting, patiently
from validation.settings import Settings

ROOT = Path(__file__).parent.parent
SERVICE = "serving.service:HomeFeed"
STARTS_IN = 120.0  # CPU seconds, many times what it takes: one that needs more begins again and again
LEAVES_IN = Patience(idle_s=15.0, longest_s=120.0, work_s=30.0)
ANSWER_S = 10.0  # for one answer: a busy machine gives a process its turn late
# When the pipe to whoever started a process closes, however that ended, its whole process group is asked to end.
KEEPER = 'read -r _; kill -s TERM -- "-$1" 2>/dev/null'


@dataclass(frozen=True, slots=True)
class Running:
    """A running service."""

    address: str
    process: "subprocess.Popen[bytes]"
    log: Path


@contextmanager
def serving(settings: Settings, target: str = SERVICE, system: str | None = None) -> Iterator[str]:
    """The address of a service that is ready; it is stopped on leaving."""
    with started(settings, target, system) as running:
        yield running.address


@contextmanager
def started(settings: Settings, target: str = SERVICE, system: str | None = None) -> Iterator[Running]:
    """A service that is ready; it is stopped on leaving, and when this process ends without having left."""
    running = start(settings, target, system)
    with kept(running.process):
        try:
            yield running
        finally:
            stop(running)


@contextmanager
def kept(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    """While the block runs, the end of this process, were it by SIGKILL, is the end of that one's process group."""
    command = ["sh", "-c", KEEPER, "keeper", str(process.pid)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as keeper:
        try:
            yield
        finally:
            keeper.kill()


def start(settings: Settings, target: str = SERVICE, system: str | None = None) -> Running:
    """Start `bentoml serve` for the service in this checkout, or for a built one (`target` is its tag or folder).

    Raises Unavailable with the end of its log when it does not get ready, or when the port is taken, and Unsafe when it
    would stand open.
    """
    address = f"http://{settings.service_host}:{settings.service_port}"
    keyring.opened(settings)
    must_be_free("service", settings.service_host, settings.service_port, "FLYWHEEL_SERVICE_PORT")
    log = settings.home / "logs" / "service.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "bentoml", "serve", target],
            cwd=ROOT if target == SERVICE else settings.home,
            env=environment(settings, system),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a process group of its own, so that it ends with its workers
        )
    running = Running(address, process, log)
    try:
        with kept(process):
            _await_ready(running, settings)
    except BaseException:
        stop(running)
        raise
    return running


def build(settings: Settings, version: str | None = None) -> str:
    """Build the service with `bentoml build` into the installation's own store; returns the tag that `start` takes."""
    named = ("--version", version) if version else ()
    done = subprocess.run(
        [sys.executable, "-m", "bentoml", "build", "--output", "tag", *named],
        check=False,
        cwd=ROOT,
        env=environment(settings),
        capture_output=True,
        text=True,
    )
    tag = done.stdout.strip().rpartition("__tag__:")[2]
    if done.returncode != 0 or not tag:
        raise Unavailable(f"service: `bentoml build` failed: {done.stderr.strip()[-500:] or 'without a word'}")
    return tag


def stop(running: Running) -> None:
    """End the service and its workers: politely, so that logs are handed over, then not."""
    end(running.process, "the service", running.log)


def end(process: "subprocess.Popen[bytes]", name: str = "a process", log: Path | None = None) -> None:
    """End a process that was started in a session of its own, and everything it started; it may finish what it does."""
    try:
        _signal(process, signal.SIGTERM)
        waiting = Waiting(f"the end of {name}", Process(process.pid, log), LEAVES_IN)
        patiently(waiting, lambda: process.poll() is not None)
    except Unavailable:
        pass
    finally:
        _signal(process, signal.SIGKILL)  # also what it left behind, and when this wait is itself cut short
        process.wait()


def _signal(process: "subprocess.Popen[bytes]", sign: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # the second is macOS's word for one that has ended
        os.killpg(process.pid, sign)


def environment(settings: Settings, system: str | None = None) -> Mapping[str, str]:
    """What the service reads of the settings, whatever folder it is started in."""
    given = {
        "FLYWHEEL_HOME": str(settings.home.absolute()),
        "FLYWHEEL_REDIS_URL": settings.redis_url,
        "FLYWHEEL_SERVICE_HOST": settings.service_host,
        "FLYWHEEL_SERVICE_PORT": str(settings.service_port),
        "FLYWHEEL_SERVICE_WORKERS": str(settings.service_workers),
        "FLYWHEEL_ITEM_CAPACITY": str(settings.item_capacity),
        "FLYWHEEL_HAND_OVER_S": str(settings.hand_over_s),
        "FLYWHEEL_OPEN_ON_LOOPBACK": json.dumps(settings.open_on_loopback),
        "FLYWHEEL_CONNECTIONS": str(settings.connections),
        "FLYWHEEL_CONNECTIONS_A_PEER": str(settings.connections_a_peer),
        "FLYWHEEL_TRUSTED_PROXIES": json.dumps(settings.trusted_proxies),
        "FLYWHEEL_HEAD_S": str(settings.head_s),
        "FLYWHEEL_BODY_S": str(settings.body_s),
        "FLYWHEEL_KEEP_ALIVE_S": str(settings.keep_alive_s),
        "BENTOML_DO_NOT_TRACK": "true",
    }
    if settings.keyring:
        given["FLYWHEEL_KEYRING"] = str(settings.keyring.absolute())
    if settings.replay_from:
        given["FLYWHEEL_REPLAY_FROM"] = settings.replay_from.isoformat()
    if system:
        given["FLYWHEEL_SYSTEM"] = system
    return {"BENTOML_HOME": str(settings.home.absolute() / "bentoml"), **os.environ, **given}


def must_be_free(name: str, host: str, port: int, setting: str) -> None:
    """Raises Unavailable when somebody listens there: what answers would not be what was started."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as taken:
            raise Unavailable(
                f"{name}: port {port} of {host} is taken ({taken.strerror}). Stop what listens there or set {setting}."
            ) from taken


def _await_ready(running: Running, settings: Settings) -> None:
    patience = Patience(settings.patience_s, settings.longest_wait_s, STARTS_IN)
    waiting = Waiting(f"the service at {running.address}", Process(running.process.pid, running.log), patience)
    patiently(waiting, lambda: _is_ready(running.address), running.process.poll)


def _is_ready(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/readyz", timeout=ANSWER_S):
            return True
    except OSError:
        return False
