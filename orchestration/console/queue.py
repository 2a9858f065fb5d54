"""What waits for a reviewer: read from the service, worked on the service's own page."""

from typing import Any

import msgspec

from orchestration import client
from orchestration.console import service
from orchestration.console.rooms import Room
from orchestration.system import Installation


class Waiting(msgspec.Struct, frozen=True):
    """How many cases are open, how old the oldest is, how many of a day's places are taken, and the first cases."""

    open: int
    oldest_s: float | None
    today: int
    a_day: int
    reviews: tuple[dict[str, Any], ...] = ()
    address: str = ""


async def queue(room: Room) -> dict[str, Any]:
    """What the page shows."""
    reading = await room.look("queue", waiting)
    names = room.installation.system.policy
    return {"queue": reading, "key": getattr(getattr(names, "log", None), "key", "")}


def waiting(installation: Installation) -> Waiting:
    """What the service says waits; raises Unavailable when it does not answer."""
    answer = msgspec.json.decode(service.get(installation.settings, "/v1/queue"), type=Waiting)
    return msgspec.structs.replace(answer, address=f"{client.address(service.at(installation.settings))}/queue")
