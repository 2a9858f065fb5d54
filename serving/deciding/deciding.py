"""How a case gets its action: rules first, the score's steps, rules last, the lot, the queue."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from feature_repo.definition import FeatureSet
from infra.clock import written
from infra.marks import mark
from serving.asker import CaseState
from serving.case_policy import Decide, Lot, Queue
from serving.deciding.decision import Case, Decision, Scored
from serving.deciding.review_queue import Review
from serving.deciding.rules import Facts, decays, first_that_holds, softened
from serving.deciding.rungs import DEFAULT, RULES
from serving.deciding.scoring import CaseScoring
from serving.deciding.slots import Slots
from serving.limits import Budget

FULL_QUEUE = "queue_full"  # the reason of a case that found no place in it
HASHES = 2.0**64


class Deciding:
    """Decides scored cases by a policy."""

    def __init__(self, features: FeatureSet, person: str | None, slots: Slots, scoring: CaseScoring) -> None:
        self._decays, self._person, self._slots, self._scoring = decays(features), person, slots, scoring

    async def decided(
        self, policy: Decide, case: Case, state: CaseState, scored: Scored, request_id: str, budget: Budget
    ) -> Decision:
        """The decision, with its reasons where it is not the usual one."""
        facts = Facts(case.given, state, self._decays)
        chosen = action_of(policy, facts, scored.score, scored.release.act_from if scored.release else None)
        decision = Decision(
            case, state, request_id, scored.rung or (RULES if policy.first or policy.last else DEFAULT), scored.why,
            action=chosen.action, score=scored.score, threshold=chosen.threshold, reasons=chosen.rules,
            features=scored.features, release=scored.release, took_s=scored.took_s,
        )  # fmt: skip
        await self._queued(policy, decision, facts, budget)
        return decision

    async def _queued(self, policy: Decide, decision: Decision, facts: Facts, budget: Budget) -> None:
        """Put a decision through lot and queue, and give its reasons."""
        queue, lot, action = policy.queue, policy.lot, decision.action
        share = lot.share_of(action, policy.usual) if lot and queue and _takes_part(lot, decision.case) else 0.0
        if lot is not None and share and not decision.case.leaves_no_trace:
            decision.by_lot = mark(f"{lot.seed}:{decision.case.key}") < share * HASHES
            decision.propensity = share if decision.by_lot else 1.0 - share
        if queue is None or (action != queue.action and not decision.by_lot):
            if action != policy.usual:
                self._explain(decision)
            return
        self._explain(decision)
        if await self._has_place(policy, queue, decision, budget):
            decision.action = queue.action
        elif decision.by_lot:  # as if it had not been drawn; how likely that was depends on the day's queue
            decision.by_lot, decision.propensity = False, None
        else:
            decision.reasons.append(FULL_QUEUE)
            action, softening = softened(policy, facts, queue.overflow)
            decision.action = policy.usual if action == queue.action else action
            decision.reasons += softening

    async def _has_place(self, policy: Decide, queue: Queue, decision: Decision, budget: Budget) -> bool:
        """Whether a case comes into the queue: a preview as if there were room, one of an erased person never."""
        if decision.case.leaves_no_trace:
            return decision.case.preview
        return await self._slots.take(queue, self._review(policy, decision), budget)

    def _explain(self, decision: Decision) -> None:
        scored = Scored(decision.score, decision.features, decision.release)
        decision.reasons += self._scoring.reasons(scored)

    def _review(self, policy: Decide, decision: Decision) -> Review:
        queue, case = policy.queue, decision.case
        amount = case.given.get(queue.amount) if queue and queue.amount else 1.0
        loss = (0.0 if decision.score is None else decision.score) * float(amount or 0.0)
        if decision.score is None:  # sent by a rule alone: as if it were fraud
            loss = float(amount or 0.0)
        return Review(
            case.key, decision.state.at, loss, decision.score, decision.by_lot, decision.reasons,
            {name: _plain(value) for name, value in case.given.items()},
            decision.release.version if decision.release else None,
            str(case.given[self._person]) if self._person and case.given.get(self._person) is not None else None,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Chosen:
    """An action by rules and score alone, the lowest threshold there is, and the names of the rules that held."""

    action: str
    threshold: float | None
    rules: list[str]


def action_of(policy: Decide, facts: Facts, score: float | None, act_from: float | None) -> Chosen:
    """What a policy makes of a score and the facts of a case, before lot and queue."""
    facts.score = score
    rule = first_that_holds(policy.first, facts)
    action, threshold = (policy.usual, None) if score is None else _step(policy, score, act_from)
    if rule is not None:
        action = rule.then
    action, softening = softened(policy, facts, action)
    return Chosen(action, threshold, [*([rule.name] if rule else []), *softening])


def _step(policy: Decide, score: float, act_from: float | None) -> tuple[str, float | None]:
    """The action of the highest threshold that a score reaches, and the lowest threshold there is."""
    steps = [(threshold, step.action) for step in policy.steps if (threshold := step.threshold(act_from)) is not None]
    reached = [step for step in steps if score >= step[0]]
    action = max(reached, key=lambda step: step[0])[1] if reached else policy.usual
    return action, min((threshold for threshold, _ in steps), default=None)


def _takes_part(lot: Lot, case: Case) -> bool:
    """Whether a case may be drawn: not one of a larger amount, nor one whose amount is not known."""
    if lot.at_most is None:
        return True
    amount = case.given.get(lot.amount)
    return amount is not None and amount <= lot.at_most


def _plain(value: Any) -> Any:
    return written(value.timestamp()) if isinstance(value, datetime) else value
