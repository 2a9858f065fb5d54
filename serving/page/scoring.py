"""Scores and arranges the candidates of one request, behind the breaker of its release."""

import logging
import time
from collections.abc import Callable
from time import thread_time

from infra.arrays import Float32s
from serving.asker import RequestAsker
from serving.definition import ReleasePolicy
from serving.items import ItemBlock, ItemStates
from serving.limits import Budget
from serving.page.arm import PageArm
from serving.page.outcome import Outcome, Ranked, Unranked
from serving.page.rungs import FULL, NEUTRAL, STALE
from serving.page.slate import Arrangement

Arrange = Callable[[ItemBlock, Float32s], Arrangement]
log = logging.getLogger(__name__)


class Scoring:
    """Scores by an arm's release. A failure is an outcome, and only the challenger's is an exception."""

    def __init__(self, states: ItemStates) -> None:
        self._states = states

    def ranked(
        self, arm: PageArm, block: ItemBlock, who: RequestAsker, now: float, budget: Budget, arrange: Arrange
    ) -> Outcome:
        """The candidates of a block, arranged by their scores; raises ChallengerFailed for an arm on trial."""
        release = arm.release
        if release is None:
            return Unranked(arm.why or "no release")
        if not len(block.rows):
            some = len(self._states)
            return Unranked("no candidates: nothing in memory may be shown" if some else "no item states in memory")
        if budget.left_s * 1000 < release.policy.limits.score_ms:
            return Unranked("too late to score")
        if not arm.breaker.allows():
            return Unranked(arm.cannot_score(arm.breaker.why))
        began = thread_time()
        try:
            with budget.stage("features"):
                features = release.builder.matrix(block, who.user, who.keys, who.context, now)
            with budget.stage("score"):
                scores = release.scorer.score(features)
            took_s = thread_time() - began
            with budget.stage("rerank"):
                shown = arrange(block, scores)
        except Exception as failed:  # an unexpected error in a model or a state costs the score, not the answer
            log.exception("release %s: could not score", release.version)
            arm.breaker.failed(f"scoring failed: {type(failed).__name__}")
            return Unranked(arm.cannot_score(arm.breaker.why))
        arm.breaker.succeeded()
        rung = NEUTRAL if who.user.why else STALE if arm.stale else FULL
        reason = "; ".join(filter(None, [who.user.why, arm.why, self._aged(release.policy)])) or None
        return Ranked(block, shown, scores, features, release, rung, reason, took_s)

    def _aged(self, policy: ReleasePolicy) -> str | None:
        """The reason to give for item states that were not compared with Redis for long; None for fresh ones."""
        age = self._states.age(time.time())
        return f"item states are {age:.0f} s old" if age > policy.limits.states_s else None
