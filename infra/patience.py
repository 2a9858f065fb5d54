"""Waiting for a process as long as it works, instead of a fixed time, which a slow machine would exceed."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from infra.errors import Unavailable
from infra.settings import Settings

if TYPE_CHECKING:
    import psutil

ASK_S, LOOK_S, TELL_S = 0.1, 1.0, 10.0
TELL_A_FILE_S = 60.0  # into a file, one line a minute is enough
LAST_LINES = 5
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Patience:
    """When to give up: after `idle_s` without a sign of work, after `longest_s` in all, or after `work_s` of CPU time.

    The limit of CPU time is for a program that restarts or loops without end: it holds on fast and on slow machines.
    """

    idle_s: float = 60.0
    longest_s: float = 1800.0
    work_s: float = 300.0

    @classmethod
    def of(cls, settings: Settings) -> "Patience":
        """The patience by an installation's settings."""
        return cls(settings.patience_s, settings.longest_wait_s)


class WorkDone(NamedTuple):
    """The work up to now: CPU seconds, and bytes of log."""

    cpu_s: float
    logged: int = 0


class Work(Protocol):
    """The work of something that is waited for."""

    def done(self) -> WorkDone:
        """The work up to now; the value changes whenever some work was done."""

    def last_words(self) -> str:
        """The last lines of the log, and where all of it is."""


USUAL = Patience()


@dataclass(frozen=True)
class Process:
    """The work of a process and of all it started: their CPU time and their log."""

    pid: int
    log: Path | None = None

    def done(self) -> WorkDone:
        """CPU time of the process and its children (ended ones are counted by their parent), length of the log."""
        return WorkDone(
            sum(map(_cpu_s, self._family())), self.log.stat().st_size if self.log and self.log.exists() else 0
        )

    def _family(self) -> "list[psutil.Process]":
        import psutil

        try:
            parent = psutil.Process(self.pid)
            return [parent, *parent.children(recursive=True)]
        except psutil.Error:
            return []

    def last_words(self) -> str:
        """The end of the log."""
        return last_words(self.log)


def _cpu_s(process: "psutil.Process") -> float:
    import psutil

    try:
        return float(sum(process.cpu_times()[:4]))  # user, system, and both of the children it has waited for
    except psutil.Error:  # it has just ended
        return 0.0


def last_words(log: Path | None) -> str:
    """The end of a log, and where all of it is."""
    if log is None:
        return ""
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return f"Its log ends: {' | '.join(lines[-LAST_LINES:])[-1000:] or '(empty)'} (all of it: {log})"


def print_progress(words: str) -> None:
    """Print a line of progress on stderr."""
    print(words, file=sys.stderr, flush=True)


def tell_every_s() -> float:
    """Seconds between two messages about a wait: fewer on a terminal than in a file."""
    return TELL_S if sys.stderr.isatty() else TELL_A_FILE_S


@dataclass
class Waiting:
    """One wait for one thing. The caller calls `look` repeatedly; it raises Unavailable when a limit is reached."""

    what: str
    work: Work
    patience: Patience = USUAL
    say: Say = print_progress
    every_s: float = field(default_factory=tell_every_s)
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self._began = self._looked = self._worked = self._told = self.clock()
        self._before = self._done = self.work.done()

    def look(self) -> None:
        """Check what was done since the last look, and report from time to time that the wait goes on."""
        now = self.clock()
        if now - self._looked < LOOK_S:
            return
        self._looked, done = now, self.work.done()
        if done != self._done:
            self._done, self._worked = done, now
        self._judge(now)
        if now - self._told >= self.every_s:
            self._told = now
            idle_s = now - self._worked
            doing = "it is working" if idle_s < TELL_S else f"no sign of work for {idle_s:.0f} s"
            self.say(f"waiting for {self.what}: {now - self._began:.0f} s, {doing}")

    @property
    def used_s(self) -> float:
        """CPU seconds used since the wait began, at the last look."""
        return self._done.cpu_s - self._before.cpu_s

    def _judge(self, now: float) -> None:
        limits, waited, used = self.patience, now - self._began, self.used_s
        if now - self._worked >= limits.idle_s:
            why = (
                f"neither CPU time nor a line in its log for {limits.idle_s:g} s. If the machine stopped it, wait "
                "longer with FLYWHEEL_PATIENCE_S"
            )
        elif used >= limits.work_s:
            why = f"it used {used:.0f} s of CPU time (limit {limits.work_s:g}): more time would not help"
        elif waited >= limits.longest_s:
            why = f"the longest wait is {limits.longest_s:g} s (FLYWHEEL_LONGEST_WAIT_S)"
        else:
            return
        raise Unavailable(f"{self.what}: not ready after {waited:.0f} s; {why}. {self.work.last_words()}")


def wait_until_ready(
    waiting: Waiting, ready: Callable[[], bool], ended: Callable[[], int | None] = lambda: None
) -> None:
    """Return once it is ready. Raises Unavailable when it has ended instead (`ended` gives its status) or hangs."""
    while not ready():
        status = ended()
        if status is not None:
            words = waiting.work.last_words()
            raise Unavailable(f"{waiting.what}: ended with status {status} before it was ready. {words}")
        waiting.look()
        time.sleep(ASK_S)
