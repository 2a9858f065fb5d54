"""A ranking: a caller's own candidates in order; those that may not be shown are left out."""

import secrets
from collections.abc import Sequence
from typing import Any

import numpy as np

from serving.asker import RequestAsker
from serving.items import ItemBlock
from serving.limits import Budget
from serving.page import popular, rerank, slate
from serving.page.eligibility import Eligibility
from serving.page.outcome import Ranked, Unranked
from serving.page.page import Page
from serving.page.page_parts import EXHAUSTED, PageParts


class Rank:
    """Ranks candidates that callers name."""

    def __init__(self, parts: PageParts) -> None:
        self._parts = parts

    async def page(self, request: Any, budget: Budget, unranked: Unranked | None) -> tuple[Page, RequestAsker]:
        """The page, and who asked; `unranked` is a reason known in advance: then nothing is read."""
        parts = self._parts
        policy, now = parts.policy, parts.clock.now()
        unranked = unranked or (EXHAUSTED if parts.shedding.exhausted else None)
        who = await parts.who(policy, request, budget, unranked)
        unranked = await parts.turn(budget, unranked)
        items = list(dict.fromkeys(request.items))
        may, limit = parts.may(policy, who, now), request.limit or len(items)
        with budget.stage("candidates"):
            block, named = self._allowed(may, items)
        outcome = unranked or parts.scoring.ranked(
            block, who, now, budget, lambda _, scores: slate.certain(rerank.by_score(scores)[:limit])
        )
        match outcome:
            case Ranked(shown=shown):
                allowed = named
                page = parts.ranked(outcome, [named[i] for i in shown.places.tolist()], [None] * len(shown.places))
            case Unranked():
                ordered = popular.rank(may, policy, items, parts.lists, now)
                allowed = ordered.items
                page = parts.unranked(outcome, ordered.first(limit), who)
        page.left_out = _without(items, allowed)
        page.at, page.request_id = now, secrets.token_hex(16)
        return page, who

    def _allowed(self, may: Eligibility, items: Sequence[str]) -> tuple[ItemBlock, Sequence[str]]:
        """Those of the items in memory that may be shown, and their names."""
        block = self._parts.states.gather(self._parts.states.rows(items))
        places = np.flatnonzero(may.mask(block))
        return block.take(places), [items[place] for place in places.tolist()]


def _without(items: Sequence[str], allowed: Sequence[str]) -> list[str]:
    shown = set(allowed)
    return [item for item in items if item not in shown]
