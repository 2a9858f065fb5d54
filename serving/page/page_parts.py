"""What feeds and rankings share: the arms, the asker, the turn of a request, pages with and without scores."""

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
from serving.model import Releases
from serving.page.arm import PageArm, PageArms, nearest
from serving.page.eligibility import Eligibility
from serving.page.outcome import Ranked, Unranked
from serving.page.page import Page
from serving.page.popular import Listed
from serving.page.rungs import NOTHING, POPULAR
from serving.page.scoring import Scoring
from serving.page.stocks import Stocks

EXHAUSTED = Unranked("overload: no time to score")


class PageParts:
    """The parts of a service process that pages are made with."""

    def __init__(
        self, served: Served, states: ItemStates, users: UserReader, releases: Releases, clock: Clock,
        shedding: Shedding, erased: Erased,
    ) -> None:  # fmt: skip
        self.service, self.process = served.policy.service, served.process
        self.states, self.users, self.releases, self.clock, self.shedding = states, users, releases, clock, shedding
        self.erased = erased
        self.arms, self.stocks = PageArms(releases, served.process.breakers), Stocks(states, served.process.pools)
        self.scoring = Scoring(states)

    @property
    def policy(self) -> ReleasePolicy:
        """The policy of the champion, the checkout's before there is one."""
        return self.releases.policy

    def refresh(self, now: float) -> None:
        """Take in what has come since: pools of the releases that answer, and items without a place among theirs."""
        trial = self.releases.trial
        in_use = [release for release in (self.releases.live, trial.release if trial else None) if release is not None]
        self.stocks.refresh([release.policy for release in in_use] or [self.policy], now)
        for release in in_use:
            if release.nearest is not None:
                release.nearest.refresh()

    def without_score(self, arm: PageArm) -> Unranked | None:
        """Why a request of this arm gets the lowest rung whatever else there is, if it does."""
        if self.shedding.exhausted:
            return EXHAUSTED
        return None if arm.apart is None else Unranked(arm.apart)

    async def turn(self, budget: Budget, unranked: Unranked | None) -> Unranked | None:
        """Wait for this request's turn; then why it gets the lowest rung, if it does."""
        lowest = await self.shedding.turn(budget, unranked is not None)
        return unranked or (EXHAUSTED if lowest else None)

    async def who(self, arm: PageArm, request: Any, budget: Budget, unranked: Unranked | None) -> RequestAsker:
        """The asker: as Redis knows them, or as the request alone says when nothing may be read."""
        policy, near = arm.policy, nearest(arm)
        if request.user in self.erased.people:
            return asker_of(self.service, policy, UserState(request.user, known=False), request.context, erased=True)
        if unranked:
            return self.unread(policy, request, unranked)
        with budget.stage("user"):
            user = await self.users.read(request.user, near.layout if near else None)
        return asker_of(self.service, policy, user, request.context)

    def unread(self, policy: ReleasePolicy, request: Any, unranked: Unranked) -> RequestAsker:
        """The asker as the request alone says."""
        return asker_of(self.service, policy, UserState(request.user, why=unranked.reason), request.context)

    def may(self, arm: PageArm, who: RequestAsker, now: float, seen: Marks = NO_MARKS) -> Eligibility:
        """What an asker may be shown, as far as is known of them."""
        filters = self.stocks.of(arm.policy).filters
        return Eligibility(filters, who.here, read_blocked(arm.policy, who.user, now), seen, not_read(who))

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
            ranked=outcome,
        )

    def unranked(self, arm: PageArm, outcome: Unranked, listed: Listed, who: RequestAsker) -> Page:
        """The page of the lowest rung."""
        reason = "; ".join(dict.fromkeys(filter(None, [outcome.reason, who.user.why, arm.why])))
        return Page(
            listed.items,
            marks(listed.items),
            listed.sources,
            listed.propensities,
            POPULAR if listed.items else NOTHING,
            reason,
        )
