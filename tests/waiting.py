"""How tests wait for what another process or thread does: until it is so, on a machine as busy as it may be."""

import threading
from collections.abc import Callable
from time import monotonic

PATIENCE_S = 600.0  # only what never comes takes so long
_PAUSE = threading.Event()


def until(holds: Callable[[], object], told: Callable[[], object] = lambda: "it never came to be") -> None:
    """Return once it holds; `told` says what is the case when it does not."""
    deadline = monotonic() + PATIENCE_S
    while not holds():
        assert monotonic() < deadline, told()
        _PAUSE.wait(0.05)
