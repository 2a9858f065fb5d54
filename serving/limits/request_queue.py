"""A queue before the work that takes the processor: one request passes in each iteration of the event loop."""

import asyncio
from collections import deque
from time import perf_counter

WEIGHT = 0.1  # of one turn in the mean: a change of pace shows within some ten turns
PAUSE = 2.0  # times the pace: a longer turn counts as that, because a single one may be a pause of the machine


class Pace:
    """How many seconds a turn takes: a decayed mean, `s`."""

    __slots__ = ("s",)

    def __init__(self, guess_s: float) -> None:
        self.s = guess_s

    def note(self, took_s: float) -> None:
        """Take note of one turn."""
        self.s += WEIGHT * (min(took_s, PAUSE * self.s) - self.s)


class RequestQueue:
    """Lets requests pass in the order they come; one that comes when no other waits does not wait.

    Without it an event loop does all that is ready before it looks at its sockets again: fifty replies of Redis are
    fifty pages in a row, during which no new request is read.

    during  the pace that the present turn counts for; the request that has the turn sets it. A turn lasts until the
            next one, so that a pace includes all that the process does between two requests
    """

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._taken = False
        self._began: float | None = None
        self.during: Pace | None = None

    async def turn(self) -> None:
        """Wait for the caller's turn, which lasts until the caller awaits something else."""
        loop = asyncio.get_running_loop()
        if self._taken:
            turn = loop.create_future()
            self._waiting.append(turn)
            await turn
        else:
            self._taken = True
            loop.call_soon(self._next)

    def _next(self) -> None:
        """Begin the next turn: the loop has read its sockets since the last one."""
        now = perf_counter()
        if self._began is not None and self.during is not None:
            self.during.note(now - self._began)
        self._taken, self._began, self.during = False, None, None
        while self._waiting and not self._taken:
            first = self._waiting.popleft()
            if not first.done():  # else its request was cancelled
                first.set_result(None)
                self._taken, self._began = True, now
                asyncio.get_running_loop().call_soon(self._next)
