"""The time budget of one request: it passes through the stages, and each of them sees what is left."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from serving import metrics


class Budget:
    """What is left of one request's time."""

    __slots__ = ("_began", "_total_s")

    def __init__(self, total_s: float) -> None:
        self._total_s, self._began = total_s, perf_counter()

    @property
    def spent_s(self) -> float:
        """Seconds since the request came."""
        return perf_counter() - self._began

    @property
    def left_s(self) -> float:
        """Seconds until the answer is too late; never negative."""
        return max(0.0, self._total_s - self.spent_s)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measures a stage while the block runs."""
        start = perf_counter()
        try:
            yield
        finally:
            metrics.stage(name, perf_counter() - start)
