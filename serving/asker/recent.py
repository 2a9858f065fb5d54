"""What happened in the last seconds, written and read in Redis in one step: each case sees exactly those before it.

A sorted set for each column and value holds its cases by the microsecond they happened; a case's member is its id and
the amounts that features sum. The script gives a case the moment after the newest that is there, so that no two cases
of one card have the same: then counting the log's rows again gives what was served. A case that is sent again keeps its
moment and counts once; one that was answered, or whose key was decided with other values, is not added at all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any

import numpy as np

from feature_repo.definition import FeatureSet
from feature_repo.recent import count_recent, units
from feature_repo.records import SEPARATOR, joined
from feature_repo.request_time import Recent
from serving.asker.redis_link import Command

AHEAD_US = 5_000_000  # a moment further ahead of ours is a wrong clock: it does not move our cases
SECOND = 1e6

# KEYS: the sorted sets, and where there is one the claim of the case's key. ARGV: the moment in µs, how far a newer one
# may move it, 1 to add the case, what the claim is while the case is not answered; then for each set its window in µs,
# seconds until it expires, the case's member, and 1 where the number of cases is all that is asked.
ADD = """
local at, ahead, adds, own = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3] == '1', nil
local claim = KEYS[(#ARGV - 4) / 4 + 1]
if claim then
  local held = redis.call('GET', claim)
  if held and held ~= ARGV[4] then adds = false end
  KEYS[#KEYS] = nil
end
local function digits(number) return string.format('%.0f', number) end
for i, key in ipairs(KEYS) do
  own = own or redis.call('ZSCORE', key, ARGV[4 * i + 3])
end
if own then at = tonumber(own) else
  for _, key in ipairs(KEYS) do
    local newest = tonumber(redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')[2] or 0)
    if newest >= at and newest < at + ahead then at = newest + 1 end
  end
end
local answer = {digits(at)}
for i, key in ipairs(KEYS) do
  local since = digits(at - tonumber(ARGV[4 * i + 1]))
  if not own and adds then
    redis.call('ZADD', key, digits(at), ARGV[4 * i + 3])
    redis.call('ZREMRANGEBYSCORE', key, '-inf', '(' .. since)
    redis.call('EXPIRE', key, ARGV[4 * i + 2])
  end
  if ARGV[4 * i + 4] == '1' then
    answer[i + 1] = redis.call('ZCOUNT', key, since, '(' .. digits(at))
  else
    answer[i + 1] = redis.call('ZRANGEBYSCORE', key, since, '(' .. digits(at), 'WITHSCORES')
  end
end
return answer
"""


@dataclass(frozen=True)
class Window:
    """All `Recent` features by one column: their sorted sets, and what a member holds."""

    by: str
    prefix: str
    features: tuple[Recent, ...]
    amounts: tuple[str, ...] = field(default=())

    @property
    def within_s(self) -> float:
        """The longest of their windows."""
        return max(feature.within_s for feature in self.features)

    @property
    def only_counts(self) -> bool:
        """Whether the number of cases is all that is asked: a shop with thousands a minute need not list them."""
        return not self.amounts and len({feature.within_s for feature in self.features}) == 1

    def member(self, case: str, given: Mapping[str, Any]) -> str:
        """What stands for a case."""
        return joined([case, *(units(given.get(name)) for name in self.amounts)])


def windows(features: FeatureSet) -> tuple[Window, ...]:
    """One window for each column by which cases are counted."""
    by: dict[str, list[Recent]] = {}
    for feature in features.features:
        if isinstance(feature, Recent):
            by.setdefault(feature.by, []).append(feature)
    return tuple(
        Window(
            column, f"fw:{features.name}!recent:{column}:", tuple(those),
            tuple(dict.fromkeys(feature.amount for feature in those if feature.amount)),
        )
        for column, those in by.items()
    )  # fmt: skip


def command(
    counted: Sequence[Window], case: str, given: Mapping[str, Any], now: float, *, adds: bool = True,
    claim: Command = (),
) -> Command:  # fmt: skip
    """The step that adds a case to these windows, all of whose columns the request gives, and reads what was there.

    `claim` is the command before it that claims the case's key.
    """
    keys = [window.prefix + joined((given[window.by],)) for window in counted]
    each: list[Any] = []
    for window in counted:
        each += [round(window.within_s * SECOND), ceil(window.within_s) + 1, window.member(case, given)]
        each.append(int(window.only_counts))
    keys += map(str, claim[1:2])
    return ("EVAL", ADD, len(keys), *keys, round(now * SECOND), AHEAD_US, int(adds), *(claim[2:3] or ("",)), *each)


def moment(reply: Sequence[Any]) -> float:
    """When the case happened, seconds since the epoch."""
    return int(reply[0]) / SECOND


def counts(counted: Sequence[Window], reply: Sequence[Any]) -> dict[str, float]:
    """The value of each feature of these windows, by its name."""
    at, values = int(reply[0]), dict[str, float]()
    for window, members in zip(counted, reply[1:], strict=True):
        if isinstance(members, int):
            values |= {feature.name: float(members) for feature in window.features}
            continue
        times = np.array(members[1::2], dtype=np.float64).astype(np.int64)
        for feature in window.features:
            amounts = _amounts(window, feature.amount, members[::2]) if feature.amount else None
            values[feature.name] = count_recent(times, at, feature.within_s, amounts)
    return values


def _amounts(window: Window, name: str, members: Sequence[bytes]) -> list[int]:
    place = window.amounts.index(name) - len(window.amounts)
    return [int(member.decode().split(SEPARATOR)[place]) for member in members]
