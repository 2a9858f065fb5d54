"""The end of a process: Ctrl-C and SIGTERM raise an exception, so that every block stops what it has started."""

import contextlib
import os
import signal
import time
from types import FrameType

UNDISTURBED_S = 10.0  # a second signal within this time is ignored; a later one counts: the first may have been lost
CHILDREN_END_IN_S = 10.0  # children that need more time were waited for before
SIGNS = (signal.SIGINT, signal.SIGTERM)


class Ended(BaseException):
    """This process was asked to end by the signal `sign`. Only the command line catches it."""

    def __init__(self, sign: int) -> None:
        super().__init__(sign)
        self.sign = sign

    @property
    def name(self) -> str:
        """The signal's name."""
        return signal.Signals(self.sign).name

    @property
    def status(self) -> int:
        """The exit status by the convention of shells: 130 for Ctrl-C, 143 for SIGTERM."""
        return 128 + self.sign


class Signs:
    """The signals that were received, also while a library has replaced our handlers by its own."""

    def __init__(self) -> None:
        self._read, write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(write, False)
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)

    def last(self) -> int | None:
        """The last signal that asks this process to end, of those received since the last call; None without one."""
        with contextlib.suppress(BlockingIOError):
            signals_that_ask = [sign for sign in os.read(self._read, 1024) if sign in SIGNS]
            return signals_that_ask[-1] if signals_that_ask else None
        return None


_signs: Signs | None = None
_raised_at = -UNDISTURBED_S


def end_in_order() -> None:
    """Make both signals raise Ended from now on; a second one that follows at once is ignored while blocks end."""
    global _signs  # noqa: PLW0603  signals are the process's
    _signs = Signs()
    for sign in SIGNS:
        signal.signal(sign, _raise)


def raise_if_asked(but_by: int | None = None) -> None:
    """Raises Ended when a signal came that a library has handled; `but_by` names a signal that is ignored here."""
    sign = _signs.last() if _signs else None
    if sign not in (None, but_by):
        raise Ended(sign)


def end_children() -> None:
    """End the child processes that still run, such as Java where Spark was interrupted while it started."""
    import psutil

    left = psutil.Process().children(recursive=True)
    for ask in (psutil.Process.terminate, psutil.Process.kill):
        for child in left:
            with contextlib.suppress(psutil.Error):
                ask(child)
        _, left = psutil.wait_procs(left, CHILDREN_END_IN_S)


def _raise(sign: int, frame: FrameType | None) -> None:
    global _raised_at  # noqa: PLW0603  as above
    if time.monotonic() - _raised_at < UNDISTURBED_S:
        return
    _raised_at = time.monotonic()
    raise Ended(sign)
