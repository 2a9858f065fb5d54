"""A room: one system as one visitor sees it, and what a page of it is made from."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from orchestration.console.readings import KEPT_S, Reading, Readings
from orchestration.console.visitors import Visitor
from orchestration.system import Installation
from serving.case_policy import Decide
from serving.definition import Policy

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Room:
    """A system, who looks at it, what they asked for, and the moment of the page."""

    installation: Installation
    readings: Readings
    visitor: Visitor
    asked: Mapping[str, str]
    now: datetime

    @property
    def name(self) -> str:
        """The system's name."""
        return self.installation.system.name

    async def look(
        self, what: str, read: Callable[[Installation], T], keep_s: float = KEPT_S, wait_s: float | None = None
    ) -> Reading[T]:
        """What a function says of the installation; see Readings."""
        return await self.readings.look((self.name, what), lambda: read(self.installation), keep_s, wait_s)

    async def look_at_all(self, **reads: Callable[[Installation], Any]) -> dict[str, Reading[Any]]:
        """Several at the same time."""
        seen = await asyncio.gather(*(self.look(name, read) for name, read in reads.items()))
        return dict(zip(reads, seen, strict=True))


def tabs(installation: Installation) -> list[tuple[str, str]]:
    """The pages that a system has: address and name."""
    policy = installation.system.policy
    pages = [("", "Overview"), ("releases", "Releases"), ("drift", "Drift"), ("decisions", "Decisions")]
    if isinstance(policy, Policy):
        pages.append(("feed", "Feed explorer"))
    if policy is not None:
        pages.append(("why", "Why"))
    if isinstance(policy, Decide) and policy.queue:
        pages.append(("queue", "Review queue"))
    return pages
