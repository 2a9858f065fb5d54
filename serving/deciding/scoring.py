"""Scores one case by its arm's release, behind that one's breaker. Only a challenger's failure is an exception."""

import logging
from collections.abc import Sequence
from math import isfinite
from time import thread_time

import numpy as np

from serving.arms import Arm, Arms
from serving.asker import CaseState
from serving.case_policy import CasePolicy, Say
from serving.deciding.decision import Case, Scored
from serving.deciding.rungs import FULL, NO_STATE, STALE
from serving.limits import Budget
from serving.model import CaseRelease, ReleaseFollower

CaseReleases = ReleaseFollower[CaseRelease, CasePolicy]
CaseArm = Arm[CaseRelease, CasePolicy]
CaseArms = Arms[CaseRelease, CasePolicy]
REASONS = 3  # of one case: more is no explanation
log = logging.getLogger(__name__)


class CaseScoring:
    """Scores cases, and says which features counted most."""

    def scored(self, arm: CaseArm, case: Case, state: CaseState, budget: Budget) -> Scored:
        """The score, or the reason why there is none; raises ChallengerFailed for an arm on trial."""
        if arm.apart is not None:
            return Scored(why=arm.apart)
        release = arm.release
        if release is None:
            return Scored(why=arm.why or "no release")
        if budget.left_s * 1000 < release.policy.limits.score_ms:
            return Scored(why="too late to score")
        if not arm.breaker.allows():
            return Scored(why=arm.cannot_score(arm.breaker.why))
        began = thread_time()
        try:
            with budget.stage("features"):
                features = release.builder.matrix(case.given, state)
            with budget.stage("score"):
                score = float(release.scorer.score(features)[0])
            took_s = thread_time() - began
            if not isfinite(score):
                raise ValueError(f"the score is {score}")
        except Exception as failed:  # an unexpected error in a model or a state costs the score, not the answer
            log.exception("release %s: could not score", release.version)
            arm.breaker.failed(f"scoring failed: {type(failed).__name__}")
            return Scored(why=arm.cannot_score(arm.breaker.why))
        arm.breaker.succeeded()
        rung = NO_STATE if state.why else STALE if arm.stale else FULL
        why = "; ".join(filter(None, [state.why, arm.why])) or None
        return Scored(score, features, release, rung, why, promised(release, score), took_s)

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
