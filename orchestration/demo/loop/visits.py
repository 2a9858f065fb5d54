"""Who comes when: sessions, page by page in order of time; a later page follows once the one before is read."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field

from infra.arrays import Int64s
from orchestration.sources.simulator import World

PAUSE_S = 4.0  # between two pages of a session


@dataclass(slots=True)
class Session:
    """One session: the user, the device, how many pages are left, and what each policy has shown in it so far."""

    who: int
    device: int
    left: int
    earlier: dict[str, tuple[Int64s, ...]] = field(default_factory=dict)

    def shown(self, line: str) -> tuple[Int64s, ...]:
        """The pages that a policy has shown in this session."""
        return self.earlier.get(line, ())

    def add(self, line: str, videos: Int64s) -> None:
        """One page more of a policy."""
        self.earlier[line] = (*self.shown(line), videos)


class Visits:
    """The pages of some days that are still to come."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._waiting: list[tuple[float, int, Session]] = []
        self._count = 0

    def open(self, day: int) -> None:
        """Add the sessions of a day of the world, counted from 0."""
        sessions = self._world.sessions(day)
        for who, at, device, pages in zip(sessions.who, sessions.at, sessions.device, sessions.pages, strict=True):
            self.again(float(at), Session(int(who), int(device), int(pages)))

    def again(self, at: float, session: Session) -> None:
        """A page of this session comes at that moment."""
        if session.left > 0:
            heapq.heappush(self._waiting, (at, self._count, session))
            self._count += 1

    def until(self, moment: float) -> Iterator[tuple[float, Session]]:
        """The pages before a moment, in order of time; those that `again` adds meanwhile are among them."""
        while self._waiting and self._waiting[0][0] < moment:
            at, _, session = heapq.heappop(self._waiting)
            session.left -= 1
            yield at, session

    def drop(self) -> int:
        """Forget what is waiting: those users go to bed. Returns how many pages they would have read."""
        pages = sum(session.left for _, _, session in self._waiting)
        self._waiting.clear()
        return pages
