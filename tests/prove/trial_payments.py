"""Trials of fraud releases on simulated payments: each is drawn by its own key, and disputes come a week later."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np

from infra.statistics import Totals
from monitoring.systems.fraud import ERRORS, FRAUD_TRIAL, FRICTION, LET_THROUGH, LOWER_RUNGS, SENT_TO_REVIEW
from monitoring.trial import ALL, STEPS, Contrast, TrialDecision, TrialFacts, decide_trial

START = datetime(2026, 5, 4, tzinfo=UTC)
CHANNELS = ("chip", "contactless", "online")
DISPUTED = 7.0  # days until a payment's early disputes are there


@dataclass(frozen=True)
class Ways:
    """How a release acts: the chances that a payment is asked about, looked at, let through though it is fraud."""

    friction: float = 0.04
    review: float = 0.01
    fraud: float = 0.002
    online_friction: float | None = None


@dataclass(frozen=True)
class PaymentTrials:
    """Trials of one release against the champion, at a bank of so many payments a day."""

    challenger: Ways
    a_day: int = 4_000
    days: int = 14
    champion: Ways = Ways()

    def run(self, seed: int, every: float) -> tuple[TrialDecision | None, float]:
        """The decision that ended a trial, None for none, and the share of a day's payments that the release decided.

        every  days between looks
        """
        draw, count = np.random.default_rng(seed), self.a_day * self.days
        at, bucket = np.sort(draw.random(count)) * self.days, draw.random(count)
        channel, luck = draw.integers(0, 3, count), draw.random((5, count))
        step, since, answered = 0, 0.0, 0
        for now in np.arange(every, self.days + every / 2, every):
            here = bucket < STEPS[step] / 100
            current = (at >= since) & (at < now)
            answered += int((here & current & (at >= now - every)).sum())
            contrasts = tuple(self._contrasts(here, current, now - at, channel, luck))
            askers = int((here & current).sum()), int((~here & current).sum())
            moments = [START + timedelta(days=float(day)) for day in (0.0, since, now)]
            facts = TrialFacts("8", STEPS[step], *moments[:2], askers, contrasts, levels={"queue_age": 5.0})
            decision = decide_trial(facts, FRAUD_TRIAL, moments[2])
            if decision.does in {"abort", "finish"} or (decision.does == "advance" and STEPS[step] == STEPS[-1]):
                return decision, answered / self.a_day
            if decision.does == "advance":
                step, since = step + 1, now
        return None, answered / self.a_day

    def _contrasts(
        self, here: np.ndarray, current: np.ndarray, age: np.ndarray, channel: np.ndarray, luck: np.ndarray
    ) -> Iterator[Contrast]:
        mine, other = self.champion, self.challenger
        for measure, by in dict.fromkeys(FRAUD_TRIAL.measures):
            for part in CHANNELS if by else (ALL,):
                inside = current & (channel == CHANNELS.index(part)) if by else current
                if measure is LET_THROUGH:
                    inside = inside & (age >= DISPUTED)
                sides = []
                for side, ways in ((here, other), (~here, mine)):
                    rows = inside & side
                    happened = luck[:, rows]
                    chance: float | np.ndarray = {
                        FRICTION.name: ways.friction, SENT_TO_REVIEW.name: ways.review, LET_THROUGH.name: ways.fraud,
                        LOWER_RUNGS.name: 0.002, ERRORS.name: 0.0005,
                    }[measure.name]  # fmt: skip
                    if measure is FRICTION and ways.online_friction is not None:
                        chance = np.where(channel[rows] == 2, ways.online_friction, ways.friction)
                    row = (FRICTION, SENT_TO_REVIEW, LET_THROUGH, LOWER_RUNGS, ERRORS).index(measure)
                    above = (happened[row] < chance).astype(float)
                    sides.append(Totals(above, np.ones(len(above))))
                yield Contrast(measure.name, by, part, *sides)


MORE_FRICTION = replace(Ways(), friction=0.08)
ONLINE_ONLY = replace(Ways(), online_friction=0.10)
