"""Load beyond capacity costs work first and requests last, and quality comes back when the load goes."""

import asyncio

import pytest

from serving.definition import Limits
from serving.shedding import CROWD, EVERY, SAMPLES, Shedding

LIMITS = Limits(calm_ms=40, least_quality=0.2, unscored_ms=80, refuse_ms=120)


def answered(shedding: Shedding, took_ms: float, times: int = SAMPLES, busy_ms: float = 3.0) -> None:
    for _ in range(times):
        shedding.answered(took_ms / 1000, busy_ms / 1000)


def test_calm_answers_get_everything_scored() -> None:
    shedding = Shedding(LIMITS)
    answered(shedding, took_ms=10)
    assert shedding.quality == 1.0


def test_slow_answers_cost_candidates_but_never_all_of_them() -> None:
    shedding = Shedding(LIMITS)
    answered(shedding, took_ms=60, times=EVERY)
    assert LIMITS.least_quality < shedding.quality < 1.0
    answered(shedding, took_ms=60, times=50 * EVERY)
    assert shedding.quality == LIMITS.least_quality


def test_a_few_slow_answers_cost_nothing() -> None:
    shedding = Shedding(LIMITS)
    for i in range(10 * SAMPLES):
        answered(shedding, took_ms=60 if i % 50 == 0 else 5, times=1)
    assert shedding.quality == 1.0


def test_quality_comes_back() -> None:
    shedding = Shedding(LIMITS)
    answered(shedding, took_ms=60, times=50 * EVERY)
    answered(shedding, took_ms=5, times=SAMPLES + 50 * EVERY)
    assert shedding.quality == 1.0


@pytest.mark.parametrize(
    ("waiting", "exhausted", "refuses"),
    [(0, False, False), (20, False, False), (30, True, False), (45, True, True)],
    ids=["idle", "busy", "no time to score", "too late for anything"],
)
def test_a_queue_costs_the_score_first_and_requests_last(waiting: int, exhausted: bool, refuses: bool) -> None:
    shedding = Shedding(LIMITS)
    answered(shedding, took_ms=10, busy_ms=3.0)
    shedding.in_flight = waiting
    assert (shedding.exhausted, shedding.refuses) == (exhausted, refuses)


def test_a_loop_that_stalls_counts_as_a_queue() -> None:
    async def stalled() -> float:
        shedding = Shedding(LIMITS)
        await shedding.start()
        try:
            await asyncio.sleep(0)
            spent = asyncio.get_running_loop().time()
            while asyncio.get_running_loop().time() - spent < 0.5:
                pass
            await asyncio.sleep(0.001)
            assert shedding.wait_s == 0.0, "nobody waits"
            shedding.in_flight = CROWD
            return shedding.wait_s
        finally:
            await shedding.stop()

    assert asyncio.run(stalled()) > LIMITS.unscored_ms / 1000
