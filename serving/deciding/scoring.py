"""Scores one case by the live release, behind a breaker. A failure is an outcome, never an exception."""

import logging
from collections.abc import Sequence
from math import isfinite

import numpy as np

from serving.asker import CaseState
from serving.case_policy import CasePolicy, Say
from serving.deciding.decision import Case, Scored
from serving.deciding.rungs import FULL, NO_STATE, STALE
from serving.definition import BreakerValues
from serving.limits import Breaker, Budget
from serving.model import CaseRelease, ReleaseFollower

CaseReleases = ReleaseFollower[CaseRelease, CasePolicy]
REASONS = 3  # of one case: more is no explanation
log = logging.getLogger(__name__)


class CaseScoring:
    """Scores cases, and says which features counted most."""

    def __init__(self, releases: CaseReleases, breaker: BreakerValues) -> None:
        self._releases, self.breaker = releases, Breaker("scorer", breaker)

    def scored(self, case: Case, state: CaseState, budget: Budget) -> Scored:
        """The score, or the reason why there is none."""
        release = self._releases.live
        if release is None:
            return Scored(why=self._releases.why or "no release")
        if budget.left_s * 1000 < release.policy.limits.score_ms:
            return Scored(why="too late to score")
        if not self.breaker.allows():
            return Scored(why=self.breaker.why)
        try:
            with budget.stage("features"):
                features = release.builder.matrix(case.given, state)
            with budget.stage("score"):
                score = float(release.scorer.score(features)[0])
            if not isfinite(score):
                raise ValueError(f"the score is {score}")
        except Exception as failed:  # an unexpected error in a model or a state costs the score, not the answer
            log.exception("release %s: could not score", release.version)
            self.breaker.failed(f"scoring failed: {type(failed).__name__}")
            return Scored(why=self.breaker.why)
        self.breaker.succeeded()
        rung = NO_STATE if state.why else STALE if self._releases.why else FULL
        why = "; ".join(filter(None, [state.why, self._releases.why])) or None
        return Scored(score, features, release, rung, why, promised(release, score))

    def reasons(self, scored: Scored) -> Sequence[str]:
        """The names of the features that raised the score most; none where there is no model to ask."""
        if scored.release is None or scored.features is None:
            return ()
        try:
            moved = scored.release.scorer.contributions(scored.features)[0]
        except Exception:  # a decision without an explanation is better than none
            log.exception("release %s: could not explain", scored.release.version)
            return ()
        first = np.argsort(-moved, kind="stable")[:REASONS]
        return [scored.release.builder.features[i].name for i in first.tolist() if moved[i] > 0]


def promised(release: CaseRelease, score: float) -> float | None:
    """The number that a release promises beside its score: so many times the score; None where nothing is promised."""
    promises = isinstance(release.policy, Say) and release.policy.promise
    return score * release.act_from if promises and release.act_from is not None else None
