"""Long-running processes: started together, watched, and stopped in the opposite order."""

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
ANSWER_S = 10.0  # for one answer: a busy machine gives a process its turn late
# When the pipe to whoever started a process closes, however that ended, its whole process group is asked to end.
KEEPER = 'read -r _; kill -s TERM -- "-$1" 2>/dev/null'


@dataclass(frozen=True)
class Program:
    """A command that keeps running, ready when `ready` answers; without one, at once. `setting` names its port."""

    name: str
    command: Sequence[str]
    log: Path
    ready: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    patience: Patience = USUAL
    setting: str = ""

    @property
    def called(self) -> str:
        """Its name in a sentence; in a list of programs it is set in columns."""
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
    """While the block runs, the end of this process, were it by SIGKILL, is the end of that one's process group."""
    command = ["sh", "-c", KEEPER, "keeper", str(process.pid)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as keeper:
        try:
            yield
        finally:
            keeper.kill()


def end(process: "subprocess.Popen[bytes]", name: str = "a process", log: Path | None = None) -> None:
    """End a process that was started in a session of its own, and everything it started; it may finish what it does."""
    try:
        _signal(process, signal.SIGTERM)
        waiting = Waiting(f"the end of {name}", Process(process.pid, log), LEAVES_IN)
        wait_until_ready(waiting, lambda: process.poll() is not None)
    except Unavailable:
        pass
    finally:
        _signal(process, signal.SIGKILL)  # also what it left behind, and when this wait is itself cut short
        process.wait()


def _signal(process: "subprocess.Popen[bytes]", sign: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # the second is macOS's word for one that has ended
        os.killpg(process.pid, sign)


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
