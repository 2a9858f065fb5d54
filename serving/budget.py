"""The time budget of one request: it passes through the stages, and each of them sees what is left."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from serving import metrics


class Budget:
    """What is left of one request's time. `waited_s` is how long the request had to wait before anybody saw it."""

    __slots__ = ("_began", "_total_s", "busy_s")

    def __init__(self, total_s: float, waited_s: float = 0.0) -> None:
        self._total_s, self._began = total_s, perf_counter() - waited_s
        self.busy_s = 0.0

    @property
    def spent_s(self) -> float:
        """Seconds since the request came."""
        return perf_counter() - self._began

    @property
    def left_s(self) -> float:
        """Seconds until the answer is too late; never negative."""
        return max(0.0, self._total_s - self.spent_s)

    @contextmanager
    def stage(self, name: str, *, waits: bool = False) -> Iterator[None]:
        """Measures a stage while the block runs; one that waits for others does not count as busy."""
        start = perf_counter()
        try:
            yield
        finally:
            took = perf_counter() - start
            metrics.stage(name, took)
            if not waits:
                self.busy_s += took
