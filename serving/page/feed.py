"""A feed: a page for an asker, from our own candidates."""

import secrets
from typing import Any

import numpy as np

from infra.arrays import Float32s
from serving.asker import RequestAsker, ShownLately
from serving.definition import ReleasePolicy
from serving.items import ItemBlock
from serving.limits import Budget
from serving.page import popular, retrieve, slate
from serving.page.offers import CandidateRequest
from serving.page.outcome import Outcome, Ranked, Unranked
from serving.page.page import Page
from serving.page.page_parts import EXHAUSTED, PageParts
from serving.page.retrieve import Candidates
from serving.page.slate import Arrangement

SHARE = Unranked("the constant share of this rung")


class Feed:
    """Makes feeds, and remembers what was shown to whom."""

    def __init__(self, parts: PageParts, shown: ShownLately) -> None:
        self._parts, self._shown = parts, shown

    async def page(self, request: Any, budget: Budget, unranked: Unranked | None) -> tuple[Page, RequestAsker]:
        """The page, and who asked; `unranked` is a reason known in advance: then nothing is read."""
        parts, request_id = self._parts, secrets.token_hex(16)
        policy, now = parts.policy, parts.clock.now()
        unranked = unranked or self._lowest(policy, request, request_id)
        who = await parts.who(policy, request, budget, unranked)
        unranked = await parts.turn(budget, unranked)
        limit = request.limit or policy.limit
        seed = None if request.preview else int(request_id, 16)  # previews are not logged: nothing is drawn by lot
        seen = who.user.seen if who.gone else np.concatenate([who.user.seen, self._shown.to(request.user, now)])
        may = parts.may(policy, who, now, seen)
        ask = CandidateRequest(
            policy, parts.pools, who, may, parts.nearest, now, seed, parts.service.remembered, parts.shedding.quality
        )
        page = self._unranked(ask, unranked, budget, limit) if unranked else self._personal(ask, budget, limit)
        page.at, page.request_id = now, request_id
        if not request.preview and not who.gone and page.items:
            self._shown.add(request.user, page.marks, now)
            parts.users.remember(who.user, page.marks)
        return page, who

    def _lowest(self, policy: ReleasePolicy, request: Any, request_id: str) -> Unranked | None:
        """Why this request gets the lowest rung whatever else there is, if it does."""
        if self._parts.shedding.exhausted:
            return EXHAUSTED
        constant = not request.preview and int(request_id[:8], 16) < policy.limits.lowest_share * (1 << 32)
        return SHARE if constant else None

    def _personal(self, ask: CandidateRequest, budget: Budget, limit: int) -> Page:
        """The asker's own candidates, ranked; the lowest rung where that cannot be."""
        with budget.stage("candidates"):
            candidates = retrieve.candidates(ask)
        match self._outcome(ask, candidates, budget, limit):
            case Ranked() as ranked:
                names = candidates.names(ask.policy, ranked.shown.places)
                page = self._parts.ranked(ranked, self._parts.states.names(ranked.rows), names)
                page.candidates = candidates
                return page
            case Unranked() as unranked:
                return self._unranked(ask, unranked, budget, limit)

    def _outcome(self, ask: CandidateRequest, candidates: Candidates, budget: Budget, limit: int) -> Outcome:
        def arrange(block: ItemBlock, scores: Float32s) -> Arrangement:
            vectors = self._parts.nearest.vectors if self._parts.nearest else None
            return slate.arranged(
                ask.policy, block, scores, vectors, limit=limit, now=ask.now, seed=ask.seed, lot=candidates.lot
            )

        return self._parts.scoring.ranked(candidates.block, ask.who, ask.now, budget, arrange)

    def _unranked(self, ask: CandidateRequest, unranked: Unranked, budget: Budget, limit: int) -> Page:
        with budget.stage("popular"):
            listed = popular.feed(ask, self._parts.lists, limit, self._parts.process.fresh_every)
            return self._parts.unranked(unranked, listed, ask.who)
