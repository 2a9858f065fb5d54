"""Waiting for a process: as long as it works, and no fixed time. How long something takes is the machine's affair."""

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
TELL_A_FILE_S = 60.0  # where nobody looks on, a line a minute is enough
LAST_LINES = 5
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Patience:
    """When to give up: after `idle_s` without a sign of work, `longest_s` in all, or `work_s` of CPU time in vain.

    Seconds by the clock judge the machine, seconds of CPU judge the program: one that begins again and again, or runs
    in a circle, is found out by them on a fast machine and on a slow one.
    """

    idle_s: float = 60.0
    longest_s: float = 1800.0
    work_s: float = 300.0

    @classmethod
    def of(cls, settings: Settings) -> "Patience":
        """The patience that an installation asks for."""
        return cls(settings.patience_s, settings.longest_wait_s)


class WorkDone(NamedTuple):
    """What was done up to now: CPU seconds, and bytes of log."""

    cpu_s: float
    logged: int = 0


class Work(Protocol):
    """Somebody's work, as seen from outside."""

    def done(self) -> WorkDone:
        """What was done up to now; another value whenever some work was done."""

    def last_words(self) -> str:
        """What was logged last, and where all of it is."""


USUAL = Patience()


@dataclass(frozen=True)
class Process:
    """The work of a process and of all it started: their CPU time and their log."""

    pid: int
    log: Path | None = None

    def done(self) -> WorkDone:
        """CPU time of the family (children that have ended count with whoever waited for them), length of the log."""
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
    return f"Its log ends: {' | '.join(lines[-LAST_LINES:])[-1000:] or 'without a word'} (all of it: {log})"


def print_progress(words: str) -> None:
    """Say it to whoever looks on."""
    print(words, file=sys.stderr, flush=True)


def tell_every_s() -> float:
    """Seconds between two words about a wait."""
    return TELL_S if sys.stderr.isatty() else TELL_A_FILE_S


@dataclass
class Waiting:
    """One wait for one thing. Whoever waits calls `look` in between; it raises Unavailable when hope is lost."""

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
        """Notice what was done since the last look, and say now and then that the wait goes on."""
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
        given, waited, used = self.patience, now - self._began, self.used_s
        if now - self._worked >= given.idle_s:
            why = (
                f"neither CPU time nor a line in its log for {given.idle_s:g} s. If it was held up from outside, wait "
                "longer with FLYWHEEL_PATIENCE_S"
            )
        elif used >= given.work_s:
            why = f"it used {used:.0f} s of CPU time (limit {given.work_s:g}): time is not what it lacks"
        elif waited >= given.longest_s:
            why = f"the longest wait is {given.longest_s:g} s (FLYWHEEL_LONGEST_WAIT_S)"
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
