"""Failpoints: places between two steps of a write at which a process can be ended, as a power cut would end it."""

import os
from collections.abc import Callable

FailpointHook = Callable[[str], None]


def reached(name: str) -> None:
    """Mark that a step is done; this does nothing unless a test watches."""
    if watching is not None:
        watching(name)


def ending(place: str) -> FailpointHook:
    """A hook that ends this process without clean-up at a place: `name`, or `name:2` for the second time there."""
    name, _, nth = place.partition(":")
    times_left = [name] * int(nth or 1)

    def watch(place_reached: str) -> None:
        if place_reached == name:
            times_left.pop()
        if not times_left:
            os._exit(137)

    return watch


_place = os.environ.get("FLYWHEEL_FAILPOINT")
watching: FailpointHook | None = ending(_place) if _place else None
