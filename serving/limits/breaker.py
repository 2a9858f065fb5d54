"""A breaker per dependency: after failures in a row the dependency is not asked again until a probe succeeds."""

from collections.abc import Callable
from enum import IntEnum
from time import monotonic

from serving import metrics
from serving.definition import BreakerValues

USUAL = BreakerValues()


class State(IntEnum):
    """What a breaker lets through: everything, a single probe, nothing. The numbers are those of the metric."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


class Breaker:
    """Closed while the dependency works. Some failures in a row open it; from then on one probe at a time may try.

    A probe that fails doubles the wait until the next one, up to a limit. One that works closes the breaker.
    """

    def __init__(
        self, dependency: str, values: BreakerValues = USUAL, clock: Callable[[], float] = monotonic
    ) -> None:  # fmt: skip
        self._dependency, self._values, self._clock = dependency, values, clock
        self._failures, self._wait, self._probe_at = 0, values.retry_s, 0.0
        self._gauge = metrics.BREAKER.labels(dependency)
        self.why = ""
        self._state = State.CLOSED
        self._become(State.CLOSED)

    @property
    def state(self) -> State:
        """What it lets through now."""
        return self._state

    @property
    def rests(self) -> bool:
        """Whether the dependency is not to be asked now; who only looks is no probe."""
        return self._state is not State.CLOSED and self._clock() < self._probe_at

    def allows(self) -> bool:
        """Whether the dependency may be asked now. While the breaker is open, the caller that may ask is the probe."""
        if self._state is State.CLOSED:
            return True
        if self._clock() < self._probe_at:
            return False
        self._probe_at = self._clock() + self._wait  # a probe that never reports back does not block the next one
        self._become(State.HALF_OPEN)
        return True

    def succeeded(self) -> None:
        """The dependency answered."""
        self._failures = 0
        if self._state is not State.CLOSED:
            self._wait = self._values.retry_s
            self._become(State.CLOSED)

    def failed(self, why: str) -> None:
        """The dependency did not answer."""
        self._failures += 1
        self.why = why
        metrics.FAILURES.labels(self._dependency, why.partition(":")[0][:40]).inc()
        if self._state is State.HALF_OPEN:
            self._wait = min(2 * self._wait, self._values.longest_retry_s)
            self._open()
        elif self._failures >= self._values.failures:
            self._open()

    def trip(self, why: str) -> None:
        """Open at once: the dependency is known to be gone."""
        self.why = why
        self._open()

    def _open(self) -> None:
        self._probe_at = self._clock() + self._wait
        self._become(State.OPEN)

    def _become(self, state: State) -> None:
        self._state = state
        self._gauge.set(state)
