"""What this process showed to whom lately: the memory that needs no Redis."""

from collections import OrderedDict, deque
from collections.abc import Iterable

USERS = 10_000


class Shown:
    """The last items shown to the last users; the oldest users and items are forgotten first."""

    def __init__(self, items: int, seconds: float, users: int = USERS) -> None:
        self._items, self._seconds, self._most = items, seconds, users
        self._users: OrderedDict[str, deque[tuple[float, str]]] = OrderedDict()

    def add(self, user: str, items: Iterable[str], now: float) -> None:
        """Note what a user was shown."""
        shown = self._users.setdefault(user, deque(maxlen=self._items))
        shown.extend((now, item) for item in items)
        self._users.move_to_end(user)
        if len(self._users) > self._most:
            self._users.popitem(last=False)

    def to(self, user: str, now: float) -> set[str]:
        """What a user was shown within the time that counts."""
        return {item for at, item in self._users.get(user, ()) if now - at <= self._seconds}
