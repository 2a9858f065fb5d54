"""What the shadow log says: of one release, since it entered, each request once; odd rows are left out."""

import math
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from monitoring.trial import ShadowFacts, shadow_facts

NOW = datetime(2026, 5, 12, 12, tzinfo=UTC)
SINCE = NOW - timedelta(hours=6)


def row(number: int, **other: object) -> dict[str, object]:
    given = {
        "request_id": f"r{number}", "at": (NOW - timedelta(hours=1)).isoformat(), "asker": "u", "champion": "7",
        "challenger": "8", "count": 300, "rank_agreement": 0.5, "score_shift": 0.01, "changed": number % 4 == 0,
        "champion_ms": 2.0, "challenger_ms": 3.0, "error": None,
    }  # fmt: skip
    return given | other


def test_rows_of_the_release_since_it_entered_are_summed_up() -> None:
    rows = [row(n) for n in range(40)] + [row(40, error="out of time")] + [row(3)]
    facts = shadow_facts(rows, "8", SINCE, NOW)
    assert (facts.requests, facts.errors) == (41, 1)
    assert (facts.champion_ms, facts.challenger_ms, facts.changed) == (2.0, 3.0, 0.25)
    assert facts.rank_agreement == 0.5


def test_other_releases_times_and_broken_rows_are_left_out() -> None:
    rows = [
        row(1, challenger="9"), row(2, at=(SINCE - timedelta(hours=1)).isoformat()), row(3, at=None),
        row(6, request_id=["r6"]),
        row(4, at=(NOW + timedelta(hours=1)).timestamp()), {"challenger": "8"}, row(5, at="yesterday"),
    ]  # fmt: skip
    assert shadow_facts(rows, "8", SINCE, NOW).requests == 0
    assert shadow_facts([], "8", SINCE, NOW).requests == ShadowFacts().requests


def test_cases_have_no_rank_agreement_and_seconds_are_moments_too() -> None:
    facts = shadow_facts([row(1, rank_agreement=None, at=NOW.timestamp())], "8", SINCE, NOW)
    assert facts.requests == 1
    assert math.isnan(facts.rank_agreement)


def test_a_long_log_is_gone_through_and_not_held_in_memory() -> None:
    def many() -> Iterator[dict[str, object]]:
        yield from (row(n, features="x" * 2_000 + str(n)) for n in range(5_000))

    tracemalloc.start()
    try:
        assert shadow_facts(many(), "8", SINCE, NOW).requests == 5_000
        assert tracemalloc.get_traced_memory()[1] < 3 << 20, "a fifth of what the rows hold"
    finally:
        tracemalloc.stop()
