"""A breaker stops asking what does not answer, and finds out by single probes when it does again."""

import pytest

from serving.definition import BreakerValues
from serving.limits.breaker import Breaker, State

VALUES = BreakerValues(failures=3, retry_s=0.25, longest_retry_s=4.0)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def broken(clock: Clock) -> Breaker:
    breaker = Breaker("something", VALUES, clock)
    for _ in range(VALUES.failures):
        breaker.failed("it is gone")
    return breaker


def test_failures_now_and_then_do_not_open_it(clock: Clock) -> None:
    breaker = Breaker("something", VALUES, clock)
    for _ in range(10 * VALUES.failures):
        breaker.failed("a hiccup")
        breaker.succeeded()
    assert breaker.state is State.CLOSED
    assert breaker.allows()


def test_failures_in_a_row_open_it_and_it_says_why(broken: Breaker) -> None:
    assert broken.state is State.OPEN
    assert not broken.allows()
    assert broken.why == "it is gone"


def test_one_probe_at_a_time_may_try(broken: Breaker, clock: Clock) -> None:
    clock.now = VALUES.retry_s
    assert [broken.allows() for _ in range(3)] == [True, False, False]
    assert broken.state is State.HALF_OPEN


def test_a_probe_that_works_closes_it(broken: Breaker, clock: Clock) -> None:
    clock.now = VALUES.retry_s
    assert broken.allows()
    broken.succeeded()
    assert broken.state is State.CLOSED
    assert all(broken.allows() for _ in range(3))


def test_probes_that_fail_become_rarer_but_never_end(broken: Breaker, clock: Clock) -> None:
    waits, last = [], 0.0
    while len(waits) < 8:
        clock.now += 0.0625
        if broken.allows():
            waits.append(clock.now - last)
            last = clock.now
            broken.failed("still gone")
    assert waits == sorted(waits)
    assert waits[0] < waits[3]
    assert waits[-1] == pytest.approx(VALUES.longest_retry_s, abs=0.1)


def test_a_probe_that_never_reports_back_does_not_block_the_next(broken: Breaker, clock: Clock) -> None:
    clock.now = VALUES.retry_s
    assert broken.allows()
    clock.now = 2 * VALUES.retry_s
    assert broken.allows()
