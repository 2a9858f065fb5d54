"""What the machinery decided by itself, with its evidence; and the alerts it gave."""

from typing import Any

from orchestration.console import alerts
from orchestration.console.overview import newest_decisions
from orchestration.console.rooms import Room

SHOWN = 100


async def decisions(room: Room) -> dict[str, Any]:
    """What the page shows."""
    return await room.look_at_all(
        all_decisions=lambda at: newest_decisions(at, SHOWN),
        all_alerts=lambda at: alerts.newest(at.settings.home, at.system.name, SHOWN),
    )
