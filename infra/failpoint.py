"""Failpoints: places between two steps of a write at which a process can be ended, as a power cut would end it."""

import os
from collections.abc import Callable

FailpointHook = Callable[[str], None]


def reached(name: str) -> None:
    """Say that a step is done; nothing follows from it unless a test watches."""
    if watching is not None:
        watching(name)


def ending(place: str) -> FailpointHook:
    """Ends this process, without any clean-up, when it gets to a place: `name`, or `name:2` for the second time."""
    name, _, nth = place.partition(":")
    left = [name] * int(nth or 1)

    def watch(met: str) -> None:
        if met == name:
            left.pop()
        if not left:
            os._exit(137)

    return watch


_place = os.environ.get("FLYWHEEL_FAILPOINT")
watching: FailpointHook | None = ending(_place) if _place else None
