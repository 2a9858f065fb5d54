"""The ladder of answers: the best answer that is possible in time, and always one."""

import logging
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np

from infra.clock import Clock
from infra.marks import NO_MARKS
from serving.arms import ChallengerFailed
from serving.asker import RequestAsker, ShownLately, UserReader
from serving.definition import ReleasePolicy, Served
from serving.erased import Erased
from serving.items import ItemStates
from serving.limits import Budget, Shedding
from serving.model import Releases
from serving.page.arm import PageArm
from serving.page.feed import Feed
from serving.page.outcome import Unranked
from serving.page.page import Page
from serving.page.page_parts import PageParts
from serving.page.rank import Rank
from serving.page.rungs import NOTHING

log = logging.getLogger(__name__)
Make = Callable[[PageArm, Any, Budget, Unranked | None], Awaitable[tuple[Page, RequestAsker]]]


class Ladder:
    """Answers requests. What is missing leads to a lower rung, never to no answer."""

    def __init__(
        self, served: Served, states: ItemStates, users: UserReader, releases: Releases, clock: Clock,
        shedding: Shedding, erased: Erased,
    ) -> None:  # fmt: skip
        self.parts = PageParts(served, states, users, releases, clock, shedding, erased)
        self._feed = Feed(self.parts, ShownLately(served.policy.service.remembered, served.policy.service.remember_s))
        self._rank = Rank(self.parts)

    @property
    def policy(self) -> ReleasePolicy:
        """The policy of the champion, the checkout's before there is one."""
        return self.parts.policy

    async def feed(self, request: Any, budget: Budget) -> tuple[Page, RequestAsker]:
        """A page for an asker, from our own candidates."""
        return await self._answer_or_fall_back(self._feed.page, request, budget)

    async def rank(self, request: Any, budget: Budget) -> tuple[Page, RequestAsker]:
        """A caller's own candidates in order; those that may not be shown are left out."""
        return await self._answer_or_fall_back(self._rank.page, request, budget)

    async def _answer_or_fall_back(self, make: Make, request: Any, budget: Budget) -> tuple[Page, RequestAsker]:
        """An answer in any case: after an unexpected error from the lowest rung, after a second one without items.

        Whatever happens to a challenger, its asker gets the champion's answer.
        """
        arm = self.parts.arms.of(request.user, request.preview, request.variant)
        if arm.on_trial:
            budget.lasts(arm.policy.limits.request_ms / 1000)
            try:
                return await make(arm, request, budget, None)
            except ChallengerFailed as failed:
                arm = self.parts.arms.instead(failed)
            except Exception as failed:
                log.exception("release %s: the challenger failed", arm.release.version if arm.release else None)
                arm.breaker.failed(f"failed: {type(failed).__name__}")
                arm = self.parts.arms.instead(failed)
            budget.lasts(arm.policy.limits.request_ms / 1000)
        try:
            return await make(arm, request, budget, None)
        except Exception as failed:
            unranked = _failed(failed)
        try:
            return await make(arm, request, budget, unranked)
        except Exception as failed:
            return self._nothing(arm, request, _failed(failed))

    def _nothing(self, arm: PageArm, request: Any, unranked: Unranked) -> tuple[Page, RequestAsker]:
        """The empty page."""
        who = self.parts.unread(arm.policy, request, unranked)
        page = Page([], NO_MARKS, [], np.zeros(0, dtype=np.float32), NOTHING, unranked.reason, variant=arm.variant)
        page.left_out = list(getattr(request, "items", [])) or None
        page.at, page.request_id = self.parts.clock.now(), secrets.token_hex(16)
        return page, who


def _failed(failed: Exception) -> Unranked:
    log.exception("the ladder failed")
    return Unranked(f"failed: {type(failed).__name__}")
