"""Load beyond capacity costs work first and requests last, and quality comes back when the load goes."""

import asyncio
from dataclasses import dataclass

import msgspec
import pytest

from serving.definition import RequestLimits
from serving.limits.budget import Budget
from serving.limits.shedding import SAMPLES, Shedding

LIMITS = RequestLimits(calm_ms=40, least_quality=0.2, unscored_ms=80, refuse_ms=120)


@pytest.fixture
def shedding() -> Shedding:
    return Shedding(lambda: LIMITS)


def scored(shedding: Shedding, took_ms: float, times: int = SAMPLES) -> None:
    for _ in range(times):
        shedding.scored(took_ms / 1000)


def test_calm_answers_get_everything_scored(shedding: Shedding) -> None:
    scored(shedding, took_ms=10, times=10 * SAMPLES)
    assert shedding.quality == 1.0


def test_slow_answers_cost_candidates_but_never_all_of_them(shedding: Shedding) -> None:
    scored(shedding, took_ms=60)
    assert LIMITS.least_quality < shedding.quality < 1.0
    scored(shedding, took_ms=60, times=50 * SAMPLES)
    assert shedding.quality == LIMITS.least_quality


def test_a_few_slow_answers_cost_nothing(shedding: Shedding) -> None:
    for i in range(10 * SAMPLES):
        scored(shedding, took_ms=60 if i % 50 == 0 else 5, times=1)
    assert shedding.quality == 1.0


def test_a_hiccup_is_counted_once(shedding: Shedding) -> None:
    scored(shedding, took_ms=60)
    scored(shedding, took_ms=5, times=3 * SAMPLES)
    assert shedding.quality == 1.0


def test_quality_comes_back(shedding: Shedding) -> None:
    scored(shedding, took_ms=60, times=50 * SAMPLES)
    scored(shedding, took_ms=5, times=50 * SAMPLES)
    assert shedding.quality == 1.0


@pytest.mark.parametrize(
    ("before", "exhausted", "refuses"),
    [(0, False, False), (20, False, False), (30, True, False), (60, True, False), (90, True, True)],
    ids=["idle", "busy", "no time to score", "served by the lowest rung", "too late for anything"],
)
def test_a_queue_costs_the_score_first_and_requests_last(
    shedding: Shedding, before: int, exhausted: bool, refuses: bool
) -> None:
    shedding.in_flight = before
    assert (shedding.exhausted, shedding.refuses) == (exhausted, refuses)


def test_the_limits_are_those_that_hold_now() -> None:
    live = [LIMITS]
    shedding = Shedding(lambda: live[0])
    shedding.in_flight = 30
    assert shedding.exhausted
    live[0] = msgspec.structs.replace(LIMITS, unscored_ms=500, refuse_ms=1)
    assert (shedding.exhausted, shedding.refuses) == (False, True)


@dataclass
class Waited(Budget):
    """A budget of which so much is spent."""

    spent: float

    @property
    def spent_s(self) -> float:
        return self.spent


@pytest.mark.parametrize(
    ("waited_s", "known", "lowest"),
    [(0.0, False, False), (0.079, False, False), (0.081, False, True), (0.0, True, True)],
    ids=["at once", "just in time", "its time is gone", "known before"],
)
def test_whose_time_is_gone_when_their_turn_comes_get_the_lowest_rung(
    shedding: Shedding, waited_s: float, known: bool, lowest: bool
) -> None:
    async def turn() -> bool:
        return await shedding.turn(Waited(waited_s), known)

    assert asyncio.run(turn()) is lowest
