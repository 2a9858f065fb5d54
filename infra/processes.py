"""Long-running processes: started, waited for until they are ready, and stopped with their children."""

import contextlib
import os
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from infra.errors import Unavailable
from infra.patience import USUAL, Patience, Process, Waiting, wait_until_ready

LEAVES_IN = Patience(idle_s=15.0, longest_s=120.0, work_s=30.0)
ANSWER_S = 10.0  # for one answer: on a busy machine a process waits for the CPU
# A shell that waits until the pipe to this process closes, because it ended in whatever way; then it ends the group.
WATCHDOG = 'read -r _; kill -s TERM -- "-$1" 2>/dev/null'


@dataclass(frozen=True)
class Program:
    """A command that keeps running; ready when the URL `ready` answers, else at once. `setting` sets its port."""

    name: str
    command: Sequence[str]
    log: Path
    ready: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    patience: Patience = USUAL
    setting: str = ""

    @property
    def called(self) -> str:
        """Its name for a sentence: `name` may be padded with spaces for a list."""
        return " ".join(self.name.split())


@contextmanager
def running(program: Program) -> Iterator[subprocess.Popen[bytes]]:
    """The program's process, ready; ended with its children on leaving. Raises Unavailable when it ends or hangs."""
    if program.ready:
        at = urlsplit(program.ready)
        must_be_free(program.called, at.hostname or "127.0.0.1", at.port or 80, program.setting)
    program.log.parent.mkdir(parents=True, exist_ok=True)
    with program.log.open("ab") as log:
        process = subprocess.Popen(
            program.command,
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **program.env},
            start_new_session=True,
        )
    with killed_with_this_process(process):
        try:
            _await_ready(program, process)
            yield process
        finally:
            end(process, program.called, program.log)


@contextmanager
def killed_with_this_process(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    """While the block runs, that process' group is ended when this process ends, even by SIGKILL."""
    command = ["sh", "-c", WATCHDOG, "watchdog", str(process.pid)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as watchdog:
        try:
            yield
        finally:
            watchdog.kill()


def end(process: "subprocess.Popen[bytes]", name: str = "a process", log: Path | None = None) -> None:
    """End a process that has a session of its own, and all it started; it gets time to finish its work."""
    try:
        _signal(process, signal.SIGTERM)
        waiting = Waiting(f"the end of {name}", Process(process.pid, log), LEAVES_IN)
        wait_until_ready(waiting, lambda: process.poll() is not None)
    except Unavailable:
        pass
    finally:
        _signal(process, signal.SIGKILL)  # also its children that still run, and when this wait is interrupted
        process.wait()


def _signal(process: "subprocess.Popen[bytes]", sign: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS raises the second for an ended process
        os.killpg(process.pid, sign)


def must_be_free(name: str, host: str, port: int, setting: str) -> None:
    """Raises Unavailable when another process listens there: its answers would be taken for those of the program."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as taken:
            raise Unavailable(
                f"{name}: port {port} of {host} is taken ({taken.strerror}). Stop what listens there or set {setting}."
            ) from taken


def _await_ready(program: Program, process: "subprocess.Popen[bytes]") -> None:
    waiting = Waiting(program.called, Process(process.pid, program.log), program.patience)
    wait_until_ready(waiting, lambda: program.ready is None or _answers(program.ready), process.poll)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=ANSWER_S) as answer:
            return bool(answer.status < 500)
    except urllib.error.HTTPError as refused:
        return refused.code < 500
    except OSError:
        return False
