"""A turnstile before the work that takes the processor: one request passes in each iteration of the event loop."""

import asyncio
from collections import deque
from time import perf_counter

WEIGHT = 0.1
PAUSE = 2.0  # times the pace: a turn that took longer counts as that, for one may be a pause, and several are the pace


class Pace:
    """How many seconds a turn takes: a decayed mean, `s`."""

    __slots__ = ("s",)

    def __init__(self, guess_s: float) -> None:
        self.s = guess_s

    def note(self, took_s: float) -> None:
        """Take note of one turn."""
        self.s += WEIGHT * (min(took_s, PAUSE * self.s) - self.s)


class RequestQueue:
    """Lets requests pass in the order they come; whoever comes when nobody is before them does not wait.

    Without it an event loop does all that is ready before it looks at its sockets again: fifty answers of Redis are
    fifty pages in a row, in which nobody who comes is seen.

    during  the pace that the present turn counts for, as whoever has the turn says. From one turn to the next all that
            the process does goes by, so that the paces hold what no stage of a request does
    """

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._taken = False
        self._given_at: float | None = None
        self.during: Pace | None = None

    async def turn(self) -> None:
        """Wait for one's turn, which lasts until the caller awaits something else."""
        loop = asyncio.get_running_loop()
        if self._taken:
            mine = loop.create_future()
            self._waiting.append(mine)
            await mine
        else:
            self._taken = True
            loop.call_soon(self._next)

    def _next(self) -> None:
        """Give the next turn: the sockets have been looked at since the last one."""
        now = perf_counter()
        if self._given_at is not None and self.during is not None:
            self.during.note(now - self._given_at)
        self._taken, self._given_at, self.during = False, None, None
        while self._waiting and not self._taken:
            first = self._waiting.popleft()
            if not first.done():  # else its request was given up
                first.set_result(None)
                self._taken, self._given_at = True, now
                asyncio.get_running_loop().call_soon(self._next)
