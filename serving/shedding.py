"""Work shedding: under load a request first gets less work, then the page that needs none, and only then a refusal."""

import asyncio
from time import perf_counter

import numpy as np

from serving import metrics
from serving.background import Background
from serving.definition import Limits

SAMPLES = 128
EVERY = 16
TICK_S = 0.02
SMOOTHING = 0.3  # one late tick is a pause, several are a queue
CROWD = 8
DOWN, UP = 0.8, 1.05


class Shedding:
    """Steers how many candidates a request may have scored, by the p95 of the last answers and by the queue now.

    quality   share of the candidates that are scored; falls by a fifth while the p95 is above `calm_ms`, rises by a
              twentieth while it is below, never under `least_quality`
    wait_s    what a request that comes now has to expect: requests in flight times what one of them takes
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._last = np.zeros(SAMPLES)
        self._seen = 0
        self._cost_s = 0.003
        self._watching = Background(self._watch)
        self.lag_s = 0.0
        self.quality = 1.0
        self.in_flight = 0

    async def start(self) -> None:
        """Begin to watch how late the event loop is."""
        self._watching.start()

    async def stop(self) -> None:
        """Watch no longer."""
        await self._watching.stop()

    @property
    def wait_s(self) -> float:
        """What a request that comes now has to expect."""
        return max(self.in_flight * self._cost_s, self.late_s)

    @property
    def late_s(self) -> float:
        """How long what comes waits to be seen: a loop that is late without a crowd has only been asleep."""
        return self.lag_s if self.in_flight >= CROWD else 0.0

    @property
    def refuses(self) -> bool:
        """Whether a request that comes now would be answered too late: it had better go elsewhere."""
        return self.wait_s * 1000 > self._limits.refuse_ms

    @property
    def exhausted(self) -> bool:
        """Whether only the page that needs no work is in time."""
        return self.wait_s * 1000 > self._limits.unscored_ms

    def answered(self, took_s: float, busy_s: float) -> None:
        """Take note of a request: how long it took from its arrival, and how long the process worked for it."""
        self._last[self._seen % SAMPLES] = took_s
        self._seen += 1
        self._cost_s += 0.05 * (busy_s - self._cost_s)
        if self._seen % EVERY == 0:
            self._steer()

    def _steer(self) -> None:
        latest = self._last[: min(self._seen, SAMPLES)]
        slow = float(np.partition(latest, int(0.95 * (len(latest) - 1)))[int(0.95 * (len(latest) - 1))])
        factor = DOWN if slow * 1000 > self._limits.calm_ms else UP
        self.quality = min(1.0, max(self._limits.least_quality, self.quality * factor))
        metrics.QUALITY.set(self.quality)

    async def _watch(self) -> None:
        before = perf_counter()
        await asyncio.sleep(TICK_S)
        late = max(0.0, perf_counter() - before - TICK_S)
        self.lag_s += SMOOTHING * (late - self.lag_s)
