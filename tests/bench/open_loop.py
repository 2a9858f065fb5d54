"""Open-loop load over HTTP: when each request is meant to be sent is fixed beforehand, and latency counts from then.

A closed loop waits for an answer before it asks again, so that while a server stalls it asks nothing and measures
nothing. Here every request meant for the stall is in the figures. The generator is a process of its own and reports how
late it was itself; one that could not keep to its own schedule is refused.
"""

import math
import pickle
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

CHECKOUT = Path(__file__).parents[2]
Seconds = NDArray[np.float64]
# Says of an answer whether it is a valid one, and a word to count it under. It runs in the generator's process, which
# imports it by its module's name.
Judge = Callable[[int, bytes], tuple[bool, str]]
PERCENTILES = (50.0, 75.0, 90.0, 95.0, 99.0, 99.9)
GOOD_WITHIN_S = 0.180
TOO_MANY = 429


class LateGeneratorError(AssertionError):
    """The generator could not keep to its schedule: latencies of this `outcome` are not the server's alone."""

    def __init__(self, words: str, outcome: "Outcome") -> None:
        super().__init__(words)
        self.outcome = outcome


@dataclass(frozen=True, slots=True)
class Plan:
    """One run: request k is meant to be sent `at[k]` seconds after the start, with body k (they repeat in turn).

    connections  at most so many at a time; a request that finds none free waits for one, and that wait is its latency
    patience_s   how long a caller waits before it gives up (status 0)
    late_ms      how late the 99th percentile of the generator's own sends may be
    """

    host: str
    port: int
    path: str
    at: Seconds
    bodies: tuple[bytes, ...]
    headers: Mapping[str, str] = field(default_factory=lambda: {"content-type": "application/json"})
    connections: int = 512
    patience_s: float = 2.0
    late_ms: float = 10.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of every request of a plan, in the plan's order.

    status    HTTP status; 0 when no answer came: given up, or broken twice
    latency   seconds from the intended start to the end of the answer, or to giving up
    valid     what the judge said, or status 200 without one
    label     index into `labels`: the judge's word
    late      seconds from the intended start to when the generator got to it
    retried   whether its first connection broke and it was sent once more
    began     the moment of `at` = 0 on this machine's monotonic clock
    cpu_s     CPU seconds of the generator from the first to the last request
    """

    plan: Plan
    status: NDArray[np.int16]
    latency: Seconds
    valid: NDArray[np.bool_]
    label: NDArray[np.int16]
    labels: tuple[str, ...]
    late: Seconds
    retried: NDArray[np.bool_]
    began: float
    cpu_s: float

    def kept(self) -> "Outcome":
        """Itself; raises LateGeneratorError when the generator did not keep to its schedule."""
        late = float(np.percentile(self.late, 99)) * 1000
        if late > self.plan.late_ms:
            raise LateGeneratorError(
                f"load generator: the 99th percentile of its own sends was {late:.1f} ms late (limit "
                f"{self.plan.late_ms:g} ms), so its latencies are not the server's. Give it a free core.",
                self,
            )
        return self

    def percentiles(self, which: NDArray[np.bool_] | slice = slice(None)) -> dict[str, float]:
        """Milliseconds by percentile, from all samples (or those of `which`), `max` among them."""
        taken = self.latency[which] * 1000
        values = np.percentile(taken, PERCENTILES) if len(taken) else np.full(len(PERCENTILES), np.nan)
        named = {f"p{level:g}": float(value) for level, value in zip(PERCENTILES, values, strict=True)}
        return named | {"max": float(taken.max(initial=math.nan if not len(taken) else 0.0))}

    def refused(self) -> NDArray[np.bool_]:
        """Which requests were told that there is no time for them."""
        refused: NDArray[np.bool_] = self.status == TOO_MANY
        return refused

    def good(self, within_s: float = GOOD_WITHIN_S) -> NDArray[np.bool_]:
        """Which requests got a valid answer in time."""
        good: NDArray[np.bool_] = self.valid & (self.latency <= within_s)
        return good

    def goodput(self, within_s: float = GOOD_WITHIN_S) -> float:
        """Valid answers in time per second of the plan."""
        return float(self.good(within_s).sum() / self.plan.at[-1])

    def counts(self) -> dict[str, int]:
        """How many requests got each of the judge's words."""
        numbers = np.bincount(self.label, minlength=len(self.labels))
        return {word: int(count) for word, count in zip(self.labels, numbers, strict=True) if count}


def poisson(rate: float, seconds: float, seed: int) -> Seconds:
    """Arrivals of independent callers: `rate` a second for `seconds`, drawn beforehand."""
    draw = np.random.default_rng(seed)
    gaps = draw.exponential(1 / rate, size=int(rate * seconds + 10 * math.sqrt(rate * seconds) + 10))
    at: Seconds = np.cumsum(gaps)
    return at[at < seconds]


def steady(rate: float, seconds: float) -> Seconds:
    """Arrivals at even distances."""
    at: Seconds = np.arange(int(rate * seconds)) / rate
    return at


class Load:
    """A load that runs in a process of its own, so that a test can do something to the server meanwhile.

    `began` is the moment of `at` = 0 on this machine's monotonic clock.
    """

    def __init__(self, plan: Plan, judge: Judge | None = None) -> None:
        command = [sys.executable, "-m", "tests.bench.traffic"]
        self._process = subprocess.Popen(command, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._plan, self._sent, self._told = plan, self._process.stdin, self._process.stdout
        assert self._sent is not None
        pickle.dump((plan, judge or by_status), self._sent)
        self._sent.close()
        self.began: float = self._received()

    def finish(self) -> Outcome:
        """Wait for the last answer; raises LateGeneratorError when the generator did not keep to its schedule."""
        try:
            return Outcome(self._plan, **self._received()).kept()
        finally:
            self.stop()

    def stop(self) -> None:
        """End the generator, whatever it has still to send."""
        self._process.kill()
        self._process.wait()
        assert self._told is not None
        self._told.close()

    def _received(self) -> Any:
        assert self._told is not None
        try:
            return pickle.load(self._told)
        except EOFError:
            raise RuntimeError(f"load generator: it ended with status {self._process.wait()}") from None


def drive(plan: Plan, judge: Judge | None = None) -> Outcome:
    """Run a whole plan; raises LateGeneratorError when the generator did not keep to its schedule."""
    return Load(plan, judge).finish()


def drive_noted(plan: Plan, judge: Judge | None = None) -> tuple[Outcome, str | None]:
    """Run a whole plan; with a note when the generator did not keep to its schedule."""
    try:
        return drive(plan, judge), None
    except LateGeneratorError as late:
        return late.outcome, str(late)


def by_status(status: int, _: bytes) -> tuple[bool, str]:
    """The judge of those who bring none: 200 is valid."""
    return status == 200, str(status)
