"""What a process makes of a release's policy: filters, and the pools that sources draw from."""

from collections.abc import Collection

from serving.definition import PoolValues, ReleasePolicy
from serving.items import ItemStates
from serving.page.eligibility import Filters
from serving.page.offers import PoolBuilder, Pools


class Stock:
    """The filters and pools of policies that draw alike; `pools` are made anew in the background."""

    def __init__(self, policy: ReleasePolicy, states: ItemStates, values: PoolValues, pools: Pools) -> None:
        self._policy, self._builder = policy, PoolBuilder(states, values)
        self.filters, self.pools = Filters(policy.filters, states), pools

    def serves(self, policy: ReleasePolicy) -> bool:
        """Whether another policy would make the same of it: most releases differ in their model alone."""
        return _draws_from(self._policy) == _draws_from(policy)

    def refresh(self, now: float) -> None:
        """Make the pools anew; it takes a while, and other threads go on meanwhile."""
        self.pools = self._builder.pools(self._policy, self.filters, now)


class Stocks:
    """The stock of each policy that is in use."""

    def __init__(self, states: ItemStates, values: PoolValues) -> None:
        self._states, self._values = states, values
        self._of: list[tuple[ReleasePolicy, Stock]] = []

    def of(self, policy: ReleasePolicy) -> Stock:
        """The stock of a policy. A new one begins with the pools of the one before it."""
        for known, stock in self._of:
            if known is policy:
                return stock
        stock = next((stock for _, stock in self._of if stock.serves(policy)), None) or self._new(policy)
        self._of = [*self._of, (policy, stock)]
        return stock

    def refresh(self, policies: Collection[ReleasePolicy], now: float) -> None:
        """Make the pools of these policies anew, and forget all others."""
        used = [(policy, self.of(policy)) for policy in policies]
        for stock in dict.fromkeys(stock for _, stock in used):
            stock.refresh(now)
        self._of = used

    def _new(self, policy: ReleasePolicy) -> Stock:
        pools = self._of[-1][1].pools if self._of else Pools()
        return Stock(policy, self._states, self._values, pools)


def _draws_from(policy: ReleasePolicy) -> tuple[object, ...]:
    return policy.sources, policy.filters, policy.born, policy.trending
