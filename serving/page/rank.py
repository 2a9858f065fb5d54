"""A ranking: a caller's own candidates in order; those that may not be shown are left out."""

import secrets
from collections.abc import Sequence
from typing import Any

import numpy as np

from serving.asker import RequestAsker
from serving.items import ItemBlock
from serving.limits import Budget
from serving.page import popular, rerank, slate
from serving.page.arm import PageArm, lists
from serving.page.eligibility import Eligibility
from serving.page.outcome import Ranked, Unranked
from serving.page.page import Page
from serving.page.page_parts import PageParts


class Rank:
    """Ranks candidates that callers name."""

    def __init__(self, parts: PageParts) -> None:
        self._parts = parts

    async def page(
        self, arm: PageArm, request: Any, budget: Budget, unranked: Unranked | None
    ) -> tuple[Page, RequestAsker]:
        """The page, and who asked; `unranked` is a reason known in advance: then nothing is read."""
        parts = self._parts
        now = parts.clock.now()
        unranked = unranked or parts.without_score(arm)
        who = await parts.who(arm, request, budget, unranked)
        unranked = await parts.turn(budget, unranked)
        items = list(dict.fromkeys(request.items))
        may, limit = parts.may(arm, who, now), request.limit or len(items)
        with budget.stage("candidates"):
            block, named = self._allowed(may, items)
        outcome = unranked or parts.scoring.ranked(
            arm, block, who, now, budget, lambda _, scores: slate.certain(rerank.by_score(scores)[:limit])
        )
        match outcome:
            case Ranked(shown=shown):
                allowed = named
                page = parts.ranked(outcome, [named[i] for i in shown.places.tolist()], [None] * len(shown.places))
            case Unranked():
                ordered = popular.rank(may, arm.policy, items, lists(arm), now)
                allowed = ordered.items
                page = parts.unranked(arm, outcome, ordered.first(limit), who)
        page.left_out = _without(items, allowed)
        page.at, page.request_id, page.variant = now, secrets.token_hex(16), arm.variant
        return page, who

    def _allowed(self, may: Eligibility, items: Sequence[str]) -> tuple[ItemBlock, Sequence[str]]:
        """Those of the items in memory that may be shown, and their names."""
        block = self._parts.states.gather(self._parts.states.rows(items))
        places = np.flatnonzero(may.mask(block))
        return block.take(places), [items[place] for place in places.tolist()]


def _without(items: Sequence[str], allowed: Sequence[str]) -> list[str]:
    shown = set(allowed)
    return [item for item in items if item not in shown]
