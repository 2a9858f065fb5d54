"""Work shedding: under load a request first gets less work, then the page that needs none, and only then a refusal."""

from collections.abc import Callable

import numpy as np

from serving import metrics
from serving.definition import RequestLimits
from serving.limits.budget import Budget
from serving.limits.request_queue import Pace, RequestQueue

SAMPLES = 64  # answers of one p95: of fewer, one or two slow ones decide
DOWN, UP = 0.8, 1.1  # overload ends within a few steps, and the way back is slower, so that it does not return at once


class Shedding:
    """Sets how many candidates a request may have scored, and which requests get less, by how long they would wait.

    limits     gives the limits that hold now: those of the live release's policy
    quality    share of the candidates that are scored. It falls by a fifth with each `SAMPLES` scored answers whose p95
               is above `calm_ms`, and rises by a tenth with each whose p95 is below; never under `least_quality`
    in_flight  requests that were taken and are not answered yet
    """

    def __init__(self, limits: Callable[[], RequestLimits]) -> None:
        self._limits, self._queue = limits, RequestQueue()
        self._full, self._lowest = Pace(0.003), Pace(0.001)  # guesses, until turns were measured
        self._took: list[float] = []
        self.in_flight = 0
        self._steer_to(1.0)

    @property
    def wait_s(self) -> float:
        """How long a request that comes now would wait: those before it are scored as long as that is in time."""
        full, lowest = self._full.s, self._lowest.s
        scored = min(self.in_flight, self._limits().unscored_ms / 1000 / full)
        return scored * full + (self.in_flight - scored) * lowest

    @property
    def refuses(self) -> bool:
        """Whether a request that comes now would be answered too late, so that it is refused."""
        return self.wait_s * 1000 > self._limits().refuse_ms

    @property
    def exhausted(self) -> bool:
        """Whether the turn of a request that comes now is too late to score."""
        return self.wait_s * 1000 > self._limits().unscored_ms

    async def turn(self, budget: Budget, lowest: bool) -> bool:
        """Wait for a request's turn; returns whether it gets the lowest rung, as known before or for lack of time."""
        await self._queue.turn()
        lowest = lowest or budget.spent_s * 1000 > self._limits().unscored_ms
        self._queue.during = self._lowest if lowest else self._full
        return lowest

    def scored(self, took_s: float) -> None:
        """Take note of an answer that was scored: how long it took from its arrival."""
        self._took.append(took_s)
        if len(self._took) == SAMPLES:
            slow = float(np.percentile(self._took, 95))
            self._took.clear()
            self._steer_to(self.quality * (DOWN if slow * 1000 > self._limits().calm_ms else UP))

    def _steer_to(self, quality: float) -> None:
        self.quality = min(1.0, max(self._limits().least_quality, quality))
        metrics.QUALITY.set(self.quality)
