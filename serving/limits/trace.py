"""What is noted of one request for its trace. Nothing is, and nothing costs, unless traces are switched on."""

from contextvars import ContextVar
from time import time_ns
from typing import Protocol


class RequestTrace:
    """The stages of one request as they end, and facts about its answer."""

    __slots__ = ("facts", "stages")

    def __init__(self) -> None:
        self.stages: list[tuple[str, int, int, bool]] = []
        self.facts: dict[str, str] = {}

    def note(self, **facts: str | None) -> None:
        """Note facts about the answer; never one that names a person."""
        self.facts.update({name: value for name, value in facts.items() if value is not None})


class Tracing:
    """Whether requests of this process are traced, and the trace of the one that is being answered."""

    __slots__ = ("_of_request", "on")

    def __init__(self) -> None:
        self.on = False
        self._of_request: ContextVar[RequestTrace | None] = ContextVar("trace of this request", default=None)

    def begin(self) -> RequestTrace:
        """Trace the request of this task."""
        trace = RequestTrace()
        self._of_request.set(trace)
        return trace

    def current(self) -> RequestTrace | None:
        """The trace of the request of this task; None for one that is not traced."""
        return self._of_request.get()

    def end(self) -> None:
        """Trace the next request of this task only if it is begun."""
        self._of_request.set(None)


TRACING = Tracing()


class Timer(Protocol):
    """What measures a block while it runs."""

    def __enter__(self) -> None:
        """The block begins."""

    def __exit__(self, *_: object) -> None:
        """The block ends."""


class TracedStage:
    """A stage that is measured, as any is, and noted with its beginning and end."""

    __slots__ = ("_began", "_name", "_timer", "_trace")

    def __init__(self, timer: Timer, name: str, trace: RequestTrace) -> None:
        self._timer, self._name, self._trace, self._began = timer, name, trace, 0

    def __enter__(self) -> None:
        self._began = time_ns()
        self._timer.__enter__()

    def __exit__(self, kind: object, *more: object) -> None:
        self._timer.__exit__(kind, *more)
        self._trace.stages.append((self._name, self._began, time_ns(), kind is not None))
