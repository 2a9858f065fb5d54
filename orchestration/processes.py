"""Long-running processes: started together, watched, and stopped in the opposite order."""

import os
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from serving.process import ANSWER_S, end, kept
from validation.patience import USUAL, Patience, Process, Waiting, patiently


@dataclass(frozen=True)
class Program:
    """A command that keeps running. It is ready when `ready` answers; without one, at once."""

    name: str
    command: Sequence[str]
    log: Path
    ready: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    patience: Patience = USUAL

    @property
    def called(self) -> str:
        """Its name in a sentence; in a list of programs it is set in columns."""
        return " ".join(self.name.split())


@contextmanager
def running(program: Program) -> Iterator[subprocess.Popen[bytes]]:
    """The program's process, ready; ended with its children on leaving. Raises Unavailable when it ends or hangs."""
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
    with kept(process):
        try:
            _await_ready(program, process)
            yield process
        finally:
            end(process, program.called, program.log)


def _await_ready(program: Program, process: "subprocess.Popen[bytes]") -> None:
    waiting = Waiting(program.called, Process(process.pid, program.log), program.patience)
    patiently(waiting, lambda: program.ready is None or _answers(program.ready), process.poll)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=ANSWER_S) as answer:
            return bool(answer.status < 500)
    except urllib.error.HTTPError as refused:
        return refused.code < 500
    except OSError:
        return False
