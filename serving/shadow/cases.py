"""Cases in the shadow: the release on trial decides again what the champion has decided, without any consequence."""

import logging
from functools import partial
from math import isfinite
from time import thread_time

from feature_repo.definition import FeatureSet
from infra.clock import written
from serving.assignment import CHAMPION
from serving.case_policy import CasePolicy, Decide
from serving.deciding import CaseReleases, Decision, Facts, action_of, decays
from serving.model import CaseRelease
from serving.shadow.shadow import Busy, Look, Shadow
from serving.shadow.shadow_row import ShadowRow

log = logging.getLogger(__name__)


class ShadowCases:
    """Offers cases to the shadow. Nothing of it is counted, no place in the queue is taken, nothing is said."""

    def __init__(self, shadow: Shadow, releases: CaseReleases, features: FeatureSet) -> None:
        self._shadow, self._releases, self._decays = shadow, releases, decays(features)

    def offer(self, decision: Decision) -> None:
        """Have a case of the champion decided again, if there is a release on trial."""
        trial = self._releases.trial
        if trial is None or decision.score is None or decision.release is None or decision.variant != CHAMPION:
            return
        compare = partial(self._compared, decision, decision.score, decision.release, trial.release)
        self._shadow.offer(decision.request_id, compare)

    def _compared(
        self, decision: Decision, score: float, champion: CaseRelease, release: CaseRelease, look: Look
    ) -> ShadowRow:
        """The decision as it would have been. `look` is called between two steps, and raises Busy."""
        case, state = decision.case, decision.state
        row = ShadowRow(
            decision.request_id, written(state.at), case.key, champion.version, release.version, 1,
            round(1000 * decision.took_s, 3),
        )  # fmt: skip
        try:
            began = thread_time()
            features = release.builder.matrix(case.given, state)
            look()
            other = float(release.scorer.score(features)[0])
            took_s = thread_time() - began
            if not isfinite(other):
                raise ValueError(f"the score is {other}")
            return row.but(
                score_shift=other - score,
                changed=self._changed(decision, (champion, score), (release, other)),
                challenger_ms=round(1000 * took_s, 3),
            )
        except Busy:
            raise
        except Exception as failed:
            log.exception("shadow: release %s could not decide", release.version)
            return row.but(error=f"{type(failed).__name__}: {failed}"[:200])

    def _changed(self, decision: Decision, *by: tuple[CaseRelease, float]) -> bool:
        """Whether both would act otherwise, by rules and score alone; numbers differ where it would be news."""
        (one, first), (other, second) = by
        if isinstance(one.policy, Decide) and isinstance(other.policy, Decide):
            return self._action(decision, one.policy, one, first) != self._action(decision, other.policy, other, second)
        return abs(first - second) > _news(one.policy)

    def _action(self, decision: Decision, policy: Decide, release: CaseRelease, score: float) -> str:
        facts = Facts(decision.case.given, decision.state, self._decays)
        return action_of(policy, facts, score, release.act_from).action


def _news(policy: CasePolicy) -> float:
    """How much two numbers may differ and still be the same."""
    return policy.hold.within if not isinstance(policy, Decide) and policy.hold else 0.0
