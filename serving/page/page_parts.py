"""What feeds and rankings share: the live policy, the asker, the turn of a request, pages with and without scores."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from infra.clock import Clock
from infra.marks import NO_MARKS, Marks, marks
from serving.asker import RequestAsker, UserReader, UserState, asker_of, not_read, read_blocked
from serving.definition import ReleasePolicy, Served
from serving.erased import Erased
from serving.items import ItemStates
from serving.limits import Budget, Shedding
from serving.model import NearestItems, Popular, Releases
from serving.page.eligibility import Eligibility, Filters
from serving.page.offers import Pools
from serving.page.outcome import Ranked, Unranked
from serving.page.page import Page
from serving.page.popular import Listed
from serving.page.rungs import NOTHING, POPULAR
from serving.page.scoring import Scoring

EXHAUSTED = Unranked("overload: no time to score")


class PageParts:
    """The parts of a service process that pages are made with; `pools` are made anew in the background."""

    def __init__(
        self, served: Served, states: ItemStates, users: UserReader, releases: Releases, clock: Clock,
        shedding: Shedding, erased: Erased,
    ) -> None:  # fmt: skip
        self.service, self.process = served.policy.service, served.process
        self.states, self.users, self.releases, self.clock, self.shedding = states, users, releases, clock, shedding
        self.erased = erased
        self.scoring, self.pools = Scoring(states, releases, served.process.breakers), Pools()
        self._filters = served.policy.release, Filters(served.policy.release.filters, states)

    @property
    def policy(self) -> ReleasePolicy:
        """The policy of the release that answers, the checkout's before there is one."""
        return self.releases.policy

    @property
    def filters(self) -> Filters:
        """The filters of that policy."""
        if self._filters[0] is not self.policy:
            self._filters = self.policy, Filters(self.policy.filters, self.states)
        return self._filters[1]

    @property
    def nearest(self) -> NearestItems | None:
        """The live release's embeddings."""
        return self.releases.live.nearest if self.releases.live else None

    @property
    def lists(self) -> Popular | None:
        """The live release's lists for moments when nothing can be scored."""
        return self.releases.live.popular if self.releases.live else None

    async def turn(self, budget: Budget, unranked: Unranked | None) -> Unranked | None:
        """Wait for this request's turn; then why it gets the lowest rung, if it does."""
        lowest = await self.shedding.turn(budget, unranked is not None)
        return unranked or (EXHAUSTED if lowest else None)

    async def who(self, policy: ReleasePolicy, request: Any, budget: Budget, unranked: Unranked | None) -> RequestAsker:
        """The asker: as Redis knows them, or as the request alone says when nothing may be read."""
        if request.user in self.erased.people:
            return asker_of(self.service, policy, UserState(request.user, known=False), request.context, erased=True)
        if unranked:
            return self.unread(policy, request, unranked)
        with budget.stage("user"):
            user = await self.users.read(request.user, self.nearest.layout if self.nearest else None)
        return asker_of(self.service, policy, user, request.context)

    def unread(self, policy: ReleasePolicy, request: Any, unranked: Unranked) -> RequestAsker:
        """The asker as the request alone says."""
        return asker_of(self.service, policy, UserState(request.user, why=unranked.reason), request.context)

    def may(self, policy: ReleasePolicy, who: RequestAsker, now: float, seen: Marks = NO_MARKS) -> Eligibility:
        """What an asker may be shown, as far as is known of them."""
        return Eligibility(self.filters, who.here, read_blocked(policy, who.user, now), seen, not_read(who))

    def ranked(self, outcome: Ranked, items: list[str], sources: Sequence[str | None]) -> Page:
        """The page of ranked candidates: the items that are shown, and the source that gave each."""
        return Page(
            items,
            self.states.item_words.marks(outcome.rows),
            [*sources],
            outcome.shown.propensities,
            outcome.rung,
            outcome.reason,
            outcome.release,
            outcome.scores[outcome.shown.places],
            np.ascontiguousarray(outcome.features[outcome.shown.places]),
            scored=len(outcome.block.rows),
        )

    def unranked(self, outcome: Unranked, listed: Listed, who: RequestAsker) -> Page:
        """The page of the lowest rung."""
        reason = "; ".join(dict.fromkeys(filter(None, [outcome.reason, who.user.why, self.releases.why])))
        return Page(
            listed.items,
            marks(listed.items),
            listed.sources,
            listed.propensities,
            POPULAR if listed.items else NOTHING,
            reason,
        )
