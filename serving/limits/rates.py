"""How fast one user may act: each has a bucket of tokens, filled at a steady rate."""

from collections import OrderedDict
from collections.abc import Mapping

from serving.definition import Feedback

USERS = 20_000  # buckets remembered, about 4 MiB; the one unused for longest is forgotten, and then counts as full


class Rates:
    """One worker's share of a policy's rates: each worker allows `at_once`, and its part of `a_second`."""

    def __init__(self, policy: Feedback, workers: int, users: int = USERS) -> None:
        self._full, self._rate, self._users = float(policy.at_once), policy.a_second / workers, users
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, counts: Mapping[str, int], now: float) -> float:
        """Take so many of each user's tokens; returns 0, or takes none and returns the seconds until there are enough.

        now  seconds of a clock that never goes back
        """
        left = {user: self._level(user, now) - count for user, count in counts.items()}
        short = min(left.values(), default=0.0)
        if short < 0:
            return -short / self._rate
        for user, tokens in left.items():
            self._buckets[user] = tokens, now
            self._buckets.move_to_end(user)
        while len(self._buckets) > self._users:
            self._buckets.popitem(last=False)
        return 0.0

    def _level(self, user: str, now: float) -> float:
        tokens, since = self._buckets.get(user, (self._full, now))
        return min(self._full, tokens + (now - since) * self._rate)
