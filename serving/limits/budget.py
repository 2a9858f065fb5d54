"""The time budget of one request: it passes through the stages, and each of them sees what is left."""

from time import perf_counter

from serving import metrics
from serving.limits.trace import TRACING, TracedStage


class Budget:
    """What is left of one request's time; `trace` takes its stages, where the request is traced."""

    __slots__ = ("_began", "_total_s", "trace")

    def __init__(self, total_s: float) -> None:
        self._total_s, self._began = total_s, perf_counter()
        self.trace = TRACING.current() if TRACING.on else None

    @property
    def spent_s(self) -> float:
        """Seconds since the request came."""
        return perf_counter() - self._began

    @property
    def left_s(self) -> float:
        """Seconds until the answer is too late; never negative."""
        return max(0.0, self._total_s - self.spent_s)

    def lasts(self, total_s: float) -> None:
        """Let it be as long as the release that answers sets, from its beginning on."""
        self._total_s = total_s

    def stage(self, name: str) -> "StageTimer | TracedStage":
        """Measures a stage while a block runs."""
        timer = StageTimer(metrics.stage(name))
        return timer if self.trace is None else TracedStage(timer, name, self.trace)


class StageTimer:
    """The time one stage of a request takes."""

    __slots__ = ("_began", "_times")

    def __init__(self, times: metrics.Times) -> None:
        self._times = times

    def __enter__(self) -> None:
        self._began = perf_counter()

    def __exit__(self, *_: object) -> None:
        self._times.observe(perf_counter() - self._began)
