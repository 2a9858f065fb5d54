"""What this process showed to whom lately, remembered without Redis."""

from collections import OrderedDict, deque

import numpy as np

from infra.marks import NO_MARKS, Marks

USERS = 10_000  # with 400 marks of 8 bytes each, 32 MB a worker at most; Redis remembers all users


class ShownLately:
    """The marks of the last items shown to the last users; the oldest users and pages are forgotten first."""

    def __init__(self, items: int, seconds: float, users: int = USERS) -> None:
        self._items, self._seconds, self._most = items, seconds, users
        self._users: OrderedDict[str, deque[tuple[float, Marks]]] = OrderedDict()

    def add(self, user: str, items: Marks, now: float) -> None:
        """Note what a user was shown."""
        pages = self._users.setdefault(user, deque())
        pages.append((now, items))
        while sum(len(page) for _, page in pages) - len(pages[0][1]) >= self._items:
            pages.popleft()
        self._users.move_to_end(user)
        if len(self._users) > self._most:
            self._users.popitem(last=False)

    def to(self, user: str, now: float) -> Marks:
        """What a user was shown within the time that counts."""
        recent = [page for at, page in self._users.get(user, ()) if now - at <= self._seconds]
        return np.concatenate(recent) if recent else NO_MARKS
