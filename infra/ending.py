"""Being asked to end: Ctrl-C and SIGTERM leave every block in good order, so that what was started in it is stopped."""

import contextlib
import os
import signal
import time
from types import FrameType

UNDISTURBED_S = 10.0  # whoever asks again after that is in a hurry, or a library has swallowed the first word
CHILDREN_END_IN_S = 10.0  # what may not be cut short was waited for before
SIGNS = (signal.SIGINT, signal.SIGTERM)


class Ended(BaseException):
    """This process was asked to end; `sign` says how. Nothing catches it but the command line."""

    def __init__(self, sign: int) -> None:
        super().__init__(sign)
        self.sign = sign

    @property
    def name(self) -> str:
        """The signal's name."""
        return signal.Signals(self.sign).name

    @property
    def status(self) -> int:
        """The exit status that says so, as shells count it: 130 for Ctrl-C, 143 for SIGTERM."""
        return 128 + self.sign


class Signs:
    """The signals that have come: libraries put handlers in the place of ours; this hears them all the same."""

    def __init__(self) -> None:
        self._read, write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(write, False)
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)

    def last(self) -> int | None:
        """The one that came last and asks this process to end; None when none has come since it was asked for."""
        with contextlib.suppress(BlockingIOError):
            heard = [sign for sign in os.read(self._read, 1024) if sign in SIGNS]
            return heard[-1] if heard else None
        return None


_signs: Signs | None = None
_raised_at = -UNDISTURBED_S


def end_in_order() -> None:
    """From now on both signals raise Ended; what is being stopped then is not disturbed by another one at once."""
    global _signs  # noqa: PLW0603  signals are the process's
    _signs = Signs()
    for sign in SIGNS:
        signal.signal(sign, _raise)


def raise_if_asked(but_by: int | None = None) -> None:
    """Raises Ended when a signal came that something else was made of; `but_by` is one that needs no word."""
    sign = _signs.last() if _signs else None
    if sign not in (None, but_by):
        raise Ended(sign)


def end_children() -> None:
    """End what this process has started and nobody has stopped: Java, where Spark was interrupted while it started."""
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
