"""The ladder of decisions: the best answer that is possible in time, and always one."""

import logging
import secrets
from collections.abc import Callable, Sequence
from typing import Any

from infra.clock import Clock
from infra.errors import Unavailable
from serving.access import RefusedError
from serving.arms import ChallengerFailed
from serving.asker import CaseReader, CaseState, Command, Link
from serving.case_policy import CasePolicy, Decide, Say, ServedCases
from serving.deciding.answers import Answers
from serving.deciding.deciding import Deciding
from serving.deciding.decision import Case, Decision, Scored
from serving.deciding.rungs import DEFAULT
from serving.deciding.saying import Last, most_of, said
from serving.deciding.scoring import CaseArm, CaseArms, CaseReleases, CaseScoring
from serving.deciding.slots import Slots
from serving.erased import Erased
from serving.limits import Budget, Shedding

EXHAUSTED = "overload: no time to score"
GONE = "their person was erased"
WAIT = 0.7  # of what is left of a request, for another worker's answer: longer than that waits to be sent to Redis
log = logging.getLogger(__name__)
Encode = Callable[[Decision], bytes]


class CaseLadder:
    """Answers cases. What is missing leads to a lower rung, never to no answer."""

    def __init__(
        self, served: ServedCases, reader: CaseReader, releases: CaseReleases, answers: Answers, slots: Slots,
        link: Link, clock: Clock, shedding: Shedding, erased: Erased,
    ) -> None:  # fmt: skip
        self._served, self._reader, self._releases, self._link = served, reader, releases, link
        self._answers, self._clock, self._shedding, self._erased = answers, clock, shedding, erased
        self.scoring, self.arms = CaseScoring(), CaseArms(releases, served.process.breakers)
        self._deciding = Deciding(served.features, served.decisions.person, slots, self.scoring)
        hold = served.policy.hold if isinstance(served.policy, Say) else None
        self._last = Last(served.features.name, hold) if hold else None
        self._most = most_of(served)

    @property
    def policy(self) -> CasePolicy:
        """The policy of the champion, the checkout's before there is one."""
        return self._releases.policy

    async def answer(
        self, case: Case, budget: Budget, encode: Encode, log_decision: Callable[[Decision], None]
    ) -> tuple[bytes, Decision | None]:
        """The answer to a case; its decision, which was logged, unless the same case was answered before."""
        if case.leaves_no_trace:
            decision = await self._decided(case, budget, ())
            assert isinstance(decision, Decision), "nothing was claimed"
            return encode(decision), decision
        earlier = await self._answers.own(case.key, case.digest)
        if earlier is not None:
            return earlier, None
        self._answers.begin(case.key, case.digest)
        try:
            return await self._answered(case, budget, encode, log_decision)
        except BaseException:
            self._answers.give_up(case.key)
            raise

    async def _answered(
        self, case: Case, budget: Budget, encode: Encode, log_decision: Callable[[Decision], None]
    ) -> tuple[bytes, Decision | None]:
        decision = await self._decided(case, budget, [self._answers.claim(case.key, case.digest)])
        answer = decision if isinstance(decision, bytes) else encode(decision)
        notes = [self._answers.remember(case.key, case.digest, answer)]
        if isinstance(decision, bytes):
            return answer, None
        if self._last is not None and case.given.get(self._last.by) is not None:
            notes.append(self._last.write(decision))
        self._link.tell(*notes)
        log_decision(decision)
        return answer, decision

    async def _decided(self, case: Case, budget: Budget, claim: Sequence[Command]) -> Decision | bytes:
        """The decision in any case, after an unexpected error from the lowest rung; or the answer that was given."""
        try:
            return await self._made(case, budget, claim)
        except RefusedError:
            raise
        except Exception as failed:
            log.exception("the ladder failed")
            return self._default(case, f"failed: {type(failed).__name__}")

    async def _made(self, case: Case, budget: Budget, claim: Sequence[Command]) -> Decision | bytes:
        state, request_id = CaseState(self._clock.now()), secrets.token_hex(16)
        why = EXHAUSTED if self._shedding.exhausted else GONE if case.gone else None
        if why is None:
            with budget.stage("state"):
                state = await self._read(case, state.at, claim)
            if claim and state.extra:
                earlier = await self._earlier(case, state.extra[0], budget)
                if earlier is not None:
                    return earlier
        elif claim:  # those after it count it: it is in the log like any other
            self._reader.note(case.key, case.given, state.at)
        state.why = state.why or why
        return await self._answered_by(
            self.arms.of(case.key, case.preview), case, state, request_id, budget, why, claim
        )

    async def _answered_by(
        self, arm: CaseArm, case: Case, state: CaseState, request_id: str, budget: Budget, why: str | None,
        claim: Sequence[Command],
    ) -> Decision:  # fmt: skip
        """The decision by an arm; by the champion's where a challenger fails before it has decided."""
        budget.lasts(arm.policy.limits.request_ms / 1000)
        if await self._shedding.turn(budget, why == EXHAUSTED):
            scored = Scored(why=EXHAUSTED)
        else:
            arm, scored = self._scored(arm, case, state, budget)
        before = state.extra[len(claim)] if self._last and len(state.extra) > len(claim) else None
        try:
            decision = await self._decide(arm, case, state, scored, request_id, budget, before)
        except Exception as failed:
            if not arm.on_trial:
                raise
            log.exception("release %s: the challenger failed", arm.release.version if arm.release else None)
            arm.breaker.failed(f"failed: {type(failed).__name__}")
            arm = self.arms.instead(failed)
            scored = self.scoring.scored(arm, case, state, budget)
            decision = await self._decide(arm, case, state, scored, request_id, budget, before)
        decision.variant = arm.variant
        return decision

    async def _decide(
        self, arm: CaseArm, case: Case, state: CaseState, scored: Scored, request_id: str, budget: Budget, before: Any
    ) -> Decision:
        match arm.policy:
            case Decide() as policy:
                return await self._deciding.decided(policy, case, state, scored, request_id, budget)
            case Say() as policy:
                return said(policy, case, state, scored, request_id, self._last, before, self._most)

    def _scored(self, arm: CaseArm, case: Case, state: CaseState, budget: Budget) -> tuple[CaseArm, Scored]:
        """The score, and the arm that gave it: the champion's where the challenger cannot."""
        try:
            return arm, self.scoring.scored(arm, case, state, budget)
        except ChallengerFailed as failed:
            arm = self.arms.instead(failed)
            return arm, self.scoring.scored(arm, case, state, budget)

    async def _read(self, case: Case, now: float, claim: Sequence[Command]) -> CaseState:
        last = self._last
        more = [last.read(case.given)] if last is not None and case.given.get(last.by) is not None else []
        return await self._reader.read(case.key, case.given, now, claim, more, adds=not case.preview)

    async def _earlier(self, case: Case, reply: object, budget: Budget) -> bytes | None:
        """The answer that was given to the same case, also by a worker that is at it."""
        earlier = self._answers.earlier(case.key, case.digest, reply)
        if earlier.answer is not None or not earlier.claimed:
            return earlier.answer
        try:
            return await self._answers.of_another_worker(case.key, WAIT * budget.left_s)
        except Unavailable:
            return None

    def _default(self, case: Case, why: str) -> Decision:
        """What is answered when nothing else can be: the usual action, or the base."""
        state, policy = CaseState(self._clock.now(), why=why), self._served.policy
        if isinstance(policy, Say):
            return said(policy, case, state, Scored(why=why), secrets.token_hex(16), None, None, self._most)
        return Decision(case, state, secrets.token_hex(16), DEFAULT, why, policy.usual, propensity=None)
