"""Long-running processes: started together, watched, and stopped in the opposite order."""

import os
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from serving.process import ANSWER_S, end, kept, must_be_free
from validation.patience import USUAL, Patience, Process, Waiting, patiently


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
