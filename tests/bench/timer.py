"""A timer as precise as the kernel: event loops round theirs up to whole milliseconds, as long as an answer takes."""

import asyncio
import ctypes
import os
import struct
import time
from collections.abc import Callable

CLOCK_MONOTONIC, ABSOLUTE = 1, 1


class Timer:
    """Calls `due` once, at the moment that was set last (on the monotonic clock). Linux only."""

    def __init__(self, loop: asyncio.AbstractEventLoop, due: Callable[[], None]) -> None:
        self._libc, self._due = ctypes.CDLL(None, use_errno=True), due
        self._fd = self._libc.timerfd_create(CLOCK_MONOTONIC, os.O_NONBLOCK)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        loop.add_reader(self._fd, self._expired)

    def set(self, moment: float) -> None:
        """Call at that moment; at once if it has passed."""
        left = max(moment, time.monotonic())
        seconds = int(left)
        self._libc.timerfd_settime(
            self._fd, ABSOLUTE, struct.pack("qqqq", 0, 0, seconds, int((left - seconds) * 1e9)), None
        )

    def _expired(self) -> None:
        os.read(self._fd, 8)
        self._due()
