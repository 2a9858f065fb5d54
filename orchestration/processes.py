"""Long-running processes: started together, watched, and stopped in the opposite order."""

import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from serving.process import end
from validation.errors import Unavailable


@dataclass(frozen=True)
class Program:
    """A command that keeps running. It is ready when `ready` answers; without one, at once."""

    name: str
    command: Sequence[str]
    log: Path
    ready: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    patience_s: float = 90.0


@contextmanager
def running(program: Program) -> Iterator[subprocess.Popen[bytes]]:
    """The program's process, ready; ended with its children on leaving. Raises Unavailable when it is late."""
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
    try:
        _await_ready(program, process)
        yield process
    finally:
        end(process)


def _await_ready(program: Program, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + program.patience_s
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise Unavailable(
                f"{program.name} ended with status {process.returncode} before it was ready. See {program.log}"
            )
        if program.ready is None or _answers(program.ready):
            return
        time.sleep(0.2)
    raise Unavailable(f"{program.name} was not ready within {program.patience_s:.0f} s. Its last words: {program.log}")


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status < 500)
    except (urllib.error.URLError, OSError):
        return False
