"""The ladder of answers: the best one that can be given in time, and never none."""

import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from feature_repo.counters import Floats
from infra.clock import Clock
from infra.marks import NO_MARKS, Marks, marks
from serving.asker import Asked, Shown, UserReader, UserState, asked, not_read, read_blocked
from serving.definition import Policy, Served
from serving.items import ItemBlock, ItemStates
from serving.limits import Breaker, Budget, Shedding
from serving.model import NearestItems, Popular, Release, Releases
from serving.page import popular, rerank, retrieve, slate
from serving.page.eligible import Filters, May
from serving.page.pools import Pools
from serving.page.popular import Listed
from serving.page.rerank import Order
from serving.page.retrieve import Ask, Candidates
from serving.page.rungs import FULL, NEUTRAL, NOTHING, POPULAR, STALE
from serving.page.slate import Arrangement

EXHAUSTED = "overload: no time to score"
SHARE = "the constant share of this rung"
log = logging.getLogger(__name__)
Way = Callable[[Any, Budget, str | None], Awaitable[tuple["Page", Asked]]]


@dataclass(slots=True)
class Page:
    """What is shown: item ids from the top, the rung they come from, and the features as served where there are any.

    `marks` (items,) are theirs. `sources` (items,) tell what found each item first, where it was not the caller;
    `propensities` (items,) with what chance each came to its place. `at` is the moment it was made for, in seconds
    since the epoch: the one its features were decayed to. `scored` says how many candidates were, and `found` which,
    unless the caller named them.
    """

    items: list[str]
    marks: Marks
    sources: list[str | None]
    propensities: Floats
    served_by: str
    reason: str | None = None
    release: Release | None = None
    features: Floats | None = None
    left_out: list[str] | None = None
    at: float = 0.0
    scored: int = 0
    found: Candidates | None = None
    request_id: str = ""


class Ladder:
    """Answers requests. Whatever is missing costs a rung, never the answer."""

    def __init__(
        self, served: Served, states: ItemStates, users: UserReader, releases: Releases, clock: Clock,
        shedding: Shedding,
    ) -> None:  # fmt: skip
        self._served, self._states, self._users, self._releases, self._clock = served, states, users, releases, clock
        self._shown = Shown(served.policy.remembered, served.policy.remember_s)
        self._shedding, self._scoring = shedding, Breaker("scorer")
        self._filters = served.policy, Filters(served.policy.filters, states)
        self.pools = Pools()

    @property
    def policy(self) -> Policy:
        """The policy of the release that answers, the service's own before there is one."""
        return self._releases.policy

    @property
    def filters(self) -> Filters:
        """The filters of that policy."""
        if self._filters[0] is not self.policy:
            self._filters = self.policy, Filters(self.policy.filters, self._states)
        return self._filters[1]

    async def feed(self, request: Any, budget: Budget) -> tuple[Page, Asked]:
        """A page for an asker, from our own candidates."""
        return await self._sure(self._feed, request, budget)

    async def rank(self, request: Any, budget: Budget) -> tuple[Page, Asked]:
        """A caller's own candidates in order; those that may not be shown are left out."""
        return await self._sure(self._rank, request, budget)

    async def _sure(self, way: Way, request: Any, budget: Budget) -> tuple[Page, Asked]:
        """An answer whatever happens: what nobody foresaw costs the rungs above the lowest, and then the items."""
        why = None
        for _ in range(2):
            try:
                return await way(request, budget, why)
            except Exception as failed:
                log.exception("the ladder failed")
                why = f"failed: {type(failed).__name__}"
        who = asked(self.policy, UserState(request.user, why=why), request.context)
        left_out = list(getattr(request, "items", [])) or None
        nothing = np.zeros(0, dtype=np.float32)
        at, request_id = self._clock.now(), secrets.token_hex(16)
        return Page([], marks([]), [], nothing, NOTHING, why, left_out=left_out, at=at, request_id=request_id), who

    async def _feed(self, request: Any, budget: Budget, why: str | None) -> tuple[Page, Asked]:
        policy, now, request_id = self.policy, self._clock.now(), secrets.token_hex(16)
        why = why or self._lowest(policy, request, request_id)
        who = await self._who(policy, request, budget, why)
        why = await self._turn(budget, why)
        limit = request.limit or policy.limit
        seed = None if request.preview else int(request_id, 16)  # what nobody logs teaches nothing
        seen = who.user.seen if who.gone else np.concatenate([who.user.seen, self._shown.to(request.user, now)])
        may = self._may(policy, who, now, seen)
        ask = Ask(policy, self.pools, who, may, self._nearest, now, seed, self._shedding.quality)
        page = why or self._personal(ask, budget, limit)
        if isinstance(page, str):
            with budget.stage("popular"):
                page = self._unscored(popular.feed(ask, self._shelves(), limit), who, page)
        page.at, page.request_id = now, request_id
        if not request.preview and not who.gone and page.items:
            self._shown.add(request.user, page.marks, now)
            self._users.remember(who.user, page.marks)
        return page, who

    async def _rank(self, request: Any, budget: Budget, why: str | None) -> tuple[Page, Asked]:
        policy, now = self.policy, self._clock.now()
        why = why or (EXHAUSTED if self._shedding.exhausted else None)
        who = await self._who(policy, request, budget, why)
        why = await self._turn(budget, why)
        items = list(dict.fromkeys(request.items))
        may = self._may(policy, who, now)
        limit = request.limit or len(items)
        with budget.stage("candidates"):
            block = self._states.gather(self._states.rows(items))
            places = np.flatnonzero(may.mask(block))
            block, named = block.take(places), [items[place] for place in places.tolist()]
        page = why or self._scored(
            block, who, now, budget, lambda _, scores: slate.certain(rerank.by_score(scores)[:limit]), named=named
        )  # fmt: skip
        if isinstance(page, str):
            ordered = popular.rank(may, policy, items, self._shelves(), now)
            page, allowed = self._unscored(ordered.first(limit), who, page), set(ordered.items)
        else:
            allowed = set(named)
        page.left_out = [item for item in items if item not in allowed]
        page.at, page.request_id = now, secrets.token_hex(16)
        return page, who

    def _lowest(self, policy: Policy, request: Any, request_id: str) -> str | None:
        """Why this request gets the lowest rung whatever else there is, if it does."""
        if self._shedding.exhausted:
            return EXHAUSTED
        constant = not request.preview and int(request_id[:8], 16) < policy.limits.lowest_share * (1 << 32)
        return SHARE if constant else None

    async def _turn(self, budget: Budget, why: str | None) -> str | None:
        """Wait for this request's turn; then why it gets the lowest rung, if it does."""
        lowest = await self._shedding.turn(budget, why is not None)
        return why or (EXHAUSTED if lowest else None)

    async def _who(self, policy: Policy, request: Any, budget: Budget, why: str | None) -> Asked:
        """The asker: as Redis knows them, or as the request alone says when nothing may be read."""
        if why:
            return asked(policy, UserState(request.user, why=why), request.context)
        with budget.stage("user"):
            user = await self._users.read(request.user, self._nearest.layout if self._nearest else None)
        return asked(policy, user, request.context)

    def _may(self, policy: Policy, who: Asked, now: float, seen: Marks = NO_MARKS) -> May:
        """What an asker may be shown, as far as is known of them."""
        return May(self.filters, who.here, read_blocked(policy, who.user, now), seen, not_read(who))

    def _personal(self, ask: Ask, budget: Budget, limit: int) -> Page | str:
        """A page of an asker's own candidates, or why there is none."""
        with budget.stage("candidates"):
            found = retrieve.candidates(ask)

        def arrange(block: ItemBlock, scores: Floats) -> Arrangement:
            vectors = self._nearest.vectors if self._nearest else None
            return slate.arranged(ask.policy, block, scores, vectors, limit=limit, now=ask.now, seed=ask.seed)

        page = self._scored(found.block, ask.who, ask.now, budget, arrange, partial(found.names, ask.policy))
        if isinstance(page, Page):
            page.found = found
        return page

    def _scored(
        self, block: ItemBlock, who: Asked, now: float, budget: Budget,
        arrange: Callable[[ItemBlock, Floats], Arrangement],
        sources: Callable[[Order], Sequence[str | None]] = lambda places: [None] * len(places),
        named: Sequence[str] | None = None,
    ) -> Page | str:  # fmt: skip
        """The candidates scored by the live release and arranged, or why that cannot be done.

        `sources` names what found those at some places, `named` are the candidates where the caller named them.
        """
        release = self._releases.live
        if release is None:
            return self._releases.why or "no release"
        if not len(block.rows):
            return "no candidates: nothing in memory may be shown" if len(self._states) else "no item states in memory"
        if budget.left_s * 1000 < release.policy.limits.score_ms:
            return "too late to score"
        if not self._scoring.allows():
            return self._scoring.why
        try:
            with budget.stage("features"):
                matrix = release.builder.matrix(block, who.user, who.keys, who.context, now)
            with budget.stage("score"):
                scores = release.scorer.score(matrix)
            with budget.stage("rerank"):
                shown = arrange(block, scores)
        except Exception as failed:  # what nobody foresaw in a model or a state costs the score, not the answer
            log.exception("release %s: could not score", release.version)
            self._scoring.failed(f"scoring failed: {type(failed).__name__}")
            return self._scoring.why
        self._scoring.succeeded()
        rung = NEUTRAL if who.user.why else STALE if self._releases.why else FULL
        reason = "; ".join(filter(None, [who.user.why, self._releases.why, self._aged(release.policy)])) or None
        rows, places = block.rows[shown.places], shown.places
        items = self._states.names(rows) if named is None else [named[place] for place in places.tolist()]
        return Page(
            items, self._states.item_words.marks(rows), [*sources(places)], shown.propensities,
            rung, reason, release, np.ascontiguousarray(matrix[places]), scored=len(block.rows),
        )  # fmt: skip

    def _unscored(self, listed: Listed, who: Asked, why: str) -> Page:
        reason = "; ".join(dict.fromkeys(filter(None, [why, who.user.why, self._releases.why])))
        return Page(
            listed.items,
            marks(listed.items),
            listed.sources,
            listed.propensities,
            POPULAR if listed.items else NOTHING,
            reason,
        )

    def _aged(self, policy: Policy) -> str | None:
        """What to say of states that nobody has compared with the store for long."""
        age = self._states.age(time.time())
        return f"item states are {age:.0f} s old" if age > policy.limits.states_s else None

    @property
    def _nearest(self) -> NearestItems | None:
        return self._releases.live.nearest if self._releases.live else None

    def _shelves(self) -> Popular | None:
        return self._releases.live.popular if self._releases.live else None
