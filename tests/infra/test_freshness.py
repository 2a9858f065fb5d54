"""How fresh states are online: up to which publications each moment reads."""

from datetime import UTC, datetime

import numpy as np
import pytest

from infra.freshness import AS_PUBLISHED, Freshness


def micros(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


NIGHTLY = Freshness(every_s=86_400, after_s=3_600, phase_s=86_399.999999)


@pytest.mark.parametrize(
    ("shown", "reads"),
    [
        ("2026-05-03T23:00:00", "2026-05-03"),
        ("2026-05-03T01:00:00", "2026-05-03"),  # the night's work ends at this moment
        ("2026-05-03T00:59:59", "2026-05-02"),
    ],
)
def test_between_two_nights_all_that_was_published_by_the_last_midnight_is_read(shown: str, reads: str) -> None:
    reached = NIGHTLY.reached(np.array([micros(shown)]))
    assert reached.tolist() == [micros(f"{reads}T00:00:00") - 1], "what is published at midnight is the next day's"


def test_a_delay_alone_is_taken_off_and_without_one_nothing_is() -> None:
    at = np.array([micros("2026-05-03T12:00:00") + 7])
    assert (at - Freshness(after_s=90).reached(at)).tolist() == [90_000_000]
    assert AS_PUBLISHED.reached(at).tolist() == at.tolist()


def test_the_rhythm_is_said_in_units_that_people_use() -> None:
    assert str(NIGHTLY).startswith("published states come online every 1 d, 1 h later")
    assert str(Freshness(20, 4.5, basis="measured")) == "published states come online every 20 s, 4.5 s later; measured"
    assert str(AS_PUBLISHED) == "each state as soon as it is published"


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (Freshness(86_400, 5_000, 86_399), True),  # a night's work takes now longer, now shorter
        (Freshness(86_400, 3_600, 60), True),  # shortly before midnight, and shortly after it
        (Freshness(86_400, 7_200, 86_399), False),
        (Freshness(43_200, 3_600, 43_199), False),
        (Freshness(20, 3), False),
    ],
)
def test_a_rhythm_measured_another_time_is_the_same_rhythm(other: Freshness, same: bool) -> None:
    assert NIGHTLY.near(other) is same
    assert other.near(NIGHTLY) is same
