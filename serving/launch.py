"""The service as a process of its own: started, awaited and stopped with everything it started."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from infra.atomic import atomic_write
from infra.errors import Unavailable
from infra.patience import Patience, Process, Waiting, wait_until_ready
from infra.processes import ANSWER_S, end, killed_with_this_process, must_be_free
from infra.pseudonyms import pseudonyms
from infra.settings import Settings
from infra.systems import BUILT_IN, named_system
from serving.access import open_keyring

ROOT = Path(__file__).parent.parent
SERVICE = "serving.service:HomeFeed"
PORT = "port"  # the file that says where the service was started last
STARTS_IN = 120.0  # CPU seconds, many times what it takes: a service that needs more restarts again and again


@dataclass(frozen=True, slots=True)
class Running:
    """A running service."""

    address: str
    process: "subprocess.Popen[bytes]"
    log: Path


@contextmanager
def serving(settings: Settings, target: str = SERVICE) -> Iterator[str]:
    """The address of a service that is ready; it is stopped on leaving."""
    with started(settings, target) as running:
        yield running.address


@contextmanager
def started(settings: Settings, target: str = SERVICE) -> Iterator[Running]:
    """A service that is ready; it is stopped on leaving, or when this process is killed."""
    running = start(settings, target)
    with killed_with_this_process(running.process):
        try:
            yield running
        finally:
            stop(running)


def start(settings: Settings, target: str = SERVICE) -> Running:
    """Start `bentoml serve` for the service in this checkout, or for a built one (`target` is its tag or folder).

    Raises Unavailable with the end of its log when it does not get ready, or when the port is taken, and Unsafe when
    others could reach it without a keyring.
    """
    address = f"http://{settings.service_host}:{settings.service_port}"
    open_keyring(settings)
    must_be_free("service", settings.service_host, settings.service_port, "FLYWHEEL_SERVICE_PORT")
    log = settings.log("service")
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "bentoml", "serve", target],
            cwd=ROOT if target == SERVICE else settings.home,
            env=environment(settings),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a process group of its own, so that it ends with its workers
        )
    running = Running(address, process, log)
    try:
        with killed_with_this_process(process):
            _await_ready(running, settings)
    except BaseException:
        stop(running)
        raise
    with atomic_write(settings.serving / PORT) as draft:
        draft.write_text(str(settings.service_port))
    return running


def port(settings: Settings) -> int:
    """Where the system's service listens: as the settings say, else where it was started last, else by default."""
    with suppress(OSError, ValueError):
        if "service_port" not in settings.model_fields_set:
            return int((settings.serving / PORT).read_text())
    return settings.service_port


def build(settings: Settings, version: str | None = None) -> str:
    """Build the service with `bentoml build` into the installation's own store; returns the tag that `start` takes."""
    named = ("--version", version) if version else ()
    done = subprocess.run(
        [sys.executable, "-m", "bentoml", "build", "--output", "tag", "--name", settings.system, *named],
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
    """End the service and its workers: by SIGTERM, so that logs are handed over, then by force."""
    end(running.process, "the service", running.log)


def environment(settings: Settings) -> Mapping[str, str]:
    """The environment variables of the settings that the service reads, in whatever folder it is started."""
    variables = {
        "FLYWHEEL_HOME": str(settings.home.absolute()),
        "FLYWHEEL_SYSTEM": settings.system,
        "FLYWHEEL_REDIS_URL": settings.redis_url,
        "FLYWHEEL_SERVICE_HOST": settings.service_host,
        "FLYWHEEL_SERVICE_PORT": str(settings.service_port),
        "FLYWHEEL_SERVICE_WORKERS": str(settings.service_workers),
        "FLYWHEEL_ITEM_CAPACITY": str(settings.item_capacity),
        "FLYWHEEL_PSEUDONYMS": str(pseudonyms(settings) is not None),
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
    if settings.traces:
        variables |= {"FLYWHEEL_TRACES": settings.traces, "FLYWHEEL_TRACES_SHARE": str(settings.traces_share)}
    if settings.keyring:
        variables["FLYWHEEL_KEYRING"] = str(settings.keyring.absolute())
    if settings.release_public_key:
        variables["FLYWHEEL_RELEASE_PUBLIC_KEY"] = str(settings.release_public_key.absolute())
    if settings.replay_from:
        variables["FLYWHEEL_REPLAY_FROM"] = settings.replay_from.isoformat()
    if settings.replay_clock:
        variables["FLYWHEEL_REPLAY_CLOCK"] = str(settings.replay_clock.absolute())
    named = named_system(settings)
    if named.name not in BUILT_IN:  # it may be named in a file of this home, and the service started in another one
        variables["FLYWHEEL_SYSTEMS"] = json.dumps({named.name: named.path})
        if named.folder:
            variables["FLYWHEEL_SYSTEMS_PATH"] = str(named.folder)
    return {"BENTOML_HOME": str(settings.home.absolute() / "bentoml"), **os.environ, **variables}


def _await_ready(running: Running, settings: Settings) -> None:
    patience = Patience(settings.patience_s, settings.longest_wait_s, STARTS_IN)
    waiting = Waiting(f"the service at {running.address}", Process(running.process.pid, running.log), patience)
    wait_until_ready(waiting, lambda: _is_ready(running.address), running.process.poll)


def _is_ready(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/readyz", timeout=ANSWER_S):
            return True
    except OSError:
        return False
