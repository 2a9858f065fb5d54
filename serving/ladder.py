"""The ladder of answers: the best one that can be given now, and never none."""

import logging
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from feature_repo.counters import Floats
from serving import metrics, popular, rerank, retrieve, slate
from serving.asker import Asked, asked
from serving.definition import Policy, Served
from serving.item_states import Codes, ItemStates
from serving.release import Popular, Release
from serving.releases import Releases
from serving.retrieve import May, Pools
from serving.rungs import FULL, NEUTRAL, NOTHING, POPULAR, STALE
from serving.seen import Shown
from serving.user_state import UserReader
from validation.clock import Clock

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Page:
    """What is shown: item ids from the top, the rung they come from, and the features as served where there are any.

    `at` is the moment it was made for, in seconds since the epoch: the one its features were decayed to.
    """

    items: list[str]
    served_by: str
    reason: str | None = None
    release: Release | None = None
    features: Floats | None = None
    left_out: list[str] | None = None
    at: float = 0.0
    request_id: str = field(default_factory=lambda: uuid.uuid4().hex)


class Ladder:
    """Answers requests. Whatever is missing costs a rung, never the answer."""

    def __init__(self, served: Served, states: ItemStates, users: UserReader, releases: Releases, clock: Clock) -> None:
        self._served, self._states, self._users, self._releases, self._clock = served, states, users, releases, clock
        self._shown = Shown(served.policy.remembered, served.policy.remember_s)
        self.pools = Pools()

    @property
    def policy(self) -> Policy:
        """The policy of the release that answers, the service's own before there is one."""
        return self._releases.live.policy if self._releases.live else self._served.policy

    async def feed(self, request: Any) -> tuple[Page, Asked]:
        """A page for an asker, from our own candidates."""
        policy, now = self.policy, self._clock.now()
        who = asked(policy, await self._users.read(request.user), request.context)
        limit = request.limit or policy.limit
        seen = self._states.rows([*who.user.seen, *self._shown.to(request.user, now)])
        may = May(self._states, policy, who.here, seen)
        rows = retrieve.candidates(self.pools, policy, self._users.tastes(who.user, now), may)
        page = await self._scored(
            rows, who, now, lambda order: slate.arranged(policy, self._states, rows, order, limit=limit, now=now)
        )
        if isinstance(page, str):
            page = self._unscored(popular.feed(may, self.pools, self._shelves(), limit, now), who, page)
        page.at = now
        if not request.preview and page.items:
            self._shown.add(request.user, page.items, now)
            self._users.remember(request.user, page.items)
        return page, who

    async def rank(self, request: Any) -> tuple[Page, Asked]:
        """A caller's own candidates in order; those that may not be shown are left out."""
        policy, now = self.policy, self._clock.now()
        who = asked(policy, await self._users.read(request.user), request.context)
        items = list(dict.fromkeys(request.items))
        may = May(self._states, policy, who.here)
        limit = request.limit or len(items)
        rows = may.show(self._states.rows(items))
        page = await self._scored(rows, who, now, lambda order: order[:limit])
        if isinstance(page, str):
            ordered = popular.rank(may, items, self._shelves(), now)
            page, allowed = self._unscored(ordered[:limit], who, page), set(ordered)
        else:
            allowed = set(self._states.names(rows))
        page.left_out = [item for item in items if item not in allowed]
        page.at = now
        return page, who

    async def _scored(
        self, rows: Codes, who: Asked, now: float, arrange: Callable[[list[int]], Sequence[int]]
    ) -> Page | str:  # fmt: skip
        """The candidates scored by the live release and arranged, or why that cannot be done."""
        release = self._releases.live
        if release is None:
            return self._releases.why or "no release"
        if not len(rows):
            return "no candidates: nothing in memory may be shown" if len(self._states) else "no item states in memory"
        try:
            with metrics.stage("user_state"):
                await self._users.read_mixed(who.user, release.builder.mixed(rows, who.keys))
            with metrics.stage("features"):
                matrix = release.builder.matrix(rows, who.user, who.keys, who.context, now)
            with metrics.stage("score"):
                scores = release.scorer.score(matrix)
            with metrics.stage("rerank"):
                places = arrange(rerank.by_score(scores))
        except Exception as failed:  # what nobody foresaw in a model or a state costs the score, not the answer
            log.exception("release %s: could not score", release.version)
            return f"scoring failed: {type(failed).__name__}"
        rung = NEUTRAL if who.user.why else STALE if self._releases.why else FULL
        reason = "; ".join(filter(None, [who.user.why, self._releases.why])) or None
        return Page(self._states.names(rows[places]), rung, reason, release, matrix[places])

    def _unscored(self, items: list[str], who: Asked, why: str) -> Page:
        reason = "; ".join(dict.fromkeys(filter(None, [why, who.user.why, self._releases.why])))
        return Page(items, POPULAR if items else NOTHING, reason)

    def _shelves(self) -> Popular | None:
        return self._releases.live.popular if self._releases.live else None
