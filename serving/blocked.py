"""What askers blocked, remembered by this process for the moments when it cannot be read."""

from collections import OrderedDict
from collections.abc import Mapping

import numpy as np

from serving.definition import Policy
from serving.filters import NotBlocked
from serving.item_states import Codes
from serving.shelf import NONE
from serving.user_state import Tastes, UserState

ASKERS = 100_000
DONE = 0.5  # of a counter that hardly decays: it was done at least once
Blocks = Mapping[str, Codes]


class Blocked:
    """The last known blocks of the last askers who had any; the oldest askers are forgotten first."""

    def __init__(self, askers: int = ASKERS) -> None:
        self._most = askers
        self._last: OrderedDict[str, Blocks] = OrderedDict()

    def by(self, policy: Policy, user: UserState, now: float) -> Blocks:
        """Codes of what the asker blocked, by the counter that says so, with those last known when not all was read."""
        counters = [rule.counter for rule in policy.filters if isinstance(rule, NotBlocked)]
        found = {counter: _read(user, counter, now) for counter in counters}
        if user.why:
            last = self._last.get(user.user, {})
            return {counter: np.union1d(codes, last.get(counter, NONE)) for counter, codes in found.items()}
        self._last.pop(user.user, None)
        if any(map(len, found.values())):
            self._last[user.user] = found
            if len(self._last) > self._most:
                self._last.popitem(last=False)
        return found


def _read(user: UserState, name: str, now: float) -> Codes:
    """Codes whose counter says that it was done, or whose record cannot be read."""
    view, _, counter = name.partition(".")
    tastes: Tastes | None = user.mixed.get(view)
    if tastes is None or not len(tastes.codes):
        return NONE
    blocked: Codes = tastes.codes[:, 0][(tastes.counter(counter, now) > DONE) | np.isnan(tastes.at)]
    return blocked
