"""A feed: a page for an asker, from our own candidates."""

import secrets
from typing import Any

import numpy as np

from infra.arrays import Float32s
from serving.asker import RequestAsker, ShownLately
from serving.items import ItemBlock
from serving.limits import Budget
from serving.page import popular, retrieve, slate
from serving.page.arm import PageArm, lists, nearest
from serving.page.offers import CandidateRequest
from serving.page.outcome import Outcome, Ranked, Unranked
from serving.page.page import Page
from serving.page.page_parts import PageParts
from serving.page.retrieve import Candidates
from serving.page.slate import Arrangement


class Feed:
    """Makes feeds, and remembers what was shown to whom."""

    def __init__(self, parts: PageParts, shown: ShownLately) -> None:
        self._parts, self._shown = parts, shown

    async def page(
        self, arm: PageArm, request: Any, budget: Budget, unranked: Unranked | None
    ) -> tuple[Page, RequestAsker]:
        """The page, and who asked; `unranked` is a reason known in advance: then nothing is read."""
        parts, request_id = self._parts, secrets.token_hex(16)
        policy, now = arm.policy, parts.clock.now()
        unranked = unranked or parts.without_score(arm)
        who = await parts.who(arm, request, budget, unranked)
        unranked = await parts.turn(budget, unranked)
        limit = request.limit or policy.limit
        seed = None if request.preview else int(request_id, 16)  # previews are not logged: nothing is drawn by lot
        seen = who.user.seen if who.gone else np.concatenate([who.user.seen, self._shown.to(request.user, now)])
        may, pools = parts.may(arm, who, now, seen), parts.stocks.of(policy).pools
        ask = CandidateRequest(
            policy, pools, who, may, nearest(arm), now, seed, parts.service.remembered, parts.shedding.quality
        )
        page = (
            self._unranked(arm, ask, unranked, budget, limit) if unranked else self._personal(arm, ask, budget, limit)
        )
        page.at, page.request_id, page.variant = now, request_id, arm.variant
        if not request.preview and not who.gone and page.items:
            self._shown.add(request.user, page.marks, now)
            parts.users.remember(who.user, page.marks)
        return page, who

    def _personal(self, arm: PageArm, ask: CandidateRequest, budget: Budget, limit: int) -> Page:
        """The asker's own candidates, ranked; the lowest rung where that cannot be."""
        with budget.stage("candidates"):
            candidates = retrieve.candidates(ask)
        match self._outcome(arm, ask, candidates, budget, limit):
            case Ranked() as ranked:
                names = candidates.names(ask.policy, ranked.shown.places)
                page = self._parts.ranked(ranked, self._parts.states.names(ranked.rows), names)
                page.candidates = candidates
                return page
            case Unranked() as unranked:
                return self._unranked(arm, ask, unranked, budget, limit)

    def _outcome(
        self, arm: PageArm, ask: CandidateRequest, candidates: Candidates, budget: Budget, limit: int
    ) -> Outcome:
        def arrange(block: ItemBlock, scores: Float32s) -> Arrangement:
            near = nearest(arm)
            vectors = near.vectors if near else None
            return slate.arranged(
                ask.policy, block, scores, vectors, limit=limit, now=ask.now, seed=ask.seed, lot=candidates.lot
            )

        return self._parts.scoring.ranked(arm, candidates.block, ask.who, ask.now, budget, arrange)

    def _unranked(self, arm: PageArm, ask: CandidateRequest, unranked: Unranked, budget: Budget, limit: int) -> Page:
        with budget.stage("popular"):
            listed = popular.feed(ask, lists(arm), limit, self._parts.process.fresh_every)
            return self._parts.unranked(arm, unranked, listed, ask.who)
