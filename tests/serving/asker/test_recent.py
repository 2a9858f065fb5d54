"""The last seconds on a real Redis: what concurrent cases were served is what the log gives, counted again."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from redis import Redis

from feature_repo.definition import FeatureSet
from feature_repo.recent import recent_of_each, units
from feature_repo.request_time import Recent
from serving.asker import recent

NOW = 1_777_000_000.123457
BY = ("card_id", "device_id", "terminal_id")
FEATURES = FeatureSet("bank", 1, "tests", {}, (), (), (), (), (
    *(Recent(f"{name}_paid_60s", "payments", name, 60) for name in BY),
    Recent("at_terminal_200ms", "payments", "terminal_id", 0.2), Recent("paid_100ms", "payments", "card_id", 0.1),
    Recent("spent_60s", "payments", "card_id", 60, amount="amount"),
))  # fmt: skip
WINDOWS = recent.windows(FEATURES)


def decided(redis: Redis, case: str, given: dict[str, Any], now: float) -> dict[str, Any]:
    """A case as it is logged: its moment in microseconds, and what it was served."""
    counting = [window for window in WINDOWS if given[window.by] is not None]
    reply: Any = redis.execute_command(*recent.command(counting, case, given, now))  # type: ignore[no-untyped-call]
    at = round(recent.moment(reply) * 1_000_000)
    return {"id": case, **given, "at": at, "served": recent.counts(counting, reply)}


def counted_again(log: list[dict[str, Any]]) -> dict[str, Any]:
    """Feature → its value for each row of the log."""
    at, place = np.array([row["at"] for row in log]), np.argsort(np.argsort([row["id"] for row in log]))
    amounts = np.array([units(row["amount"]) for row in log])
    values = {}
    for feature in FEATURES.features:
        assert isinstance(feature, Recent)
        words = {row[feature.by]: number for number, row in enumerate(log)}
        by = np.array([-1 if row[feature.by] is None else words[row[feature.by]] for row in log])
        values[feature.name] = recent_of_each(by, at, place, feature.within_s, amounts if feature.amount else None)
    return values


def test_ten_at_a_time_with_one_clock_are_served_what_the_log_gives(redis_url: str) -> None:
    """Every tenth case is sent twice; several share a card, a device or a terminal; ten ask in the same microsecond."""
    random = np.random.default_rng(0)
    cases = [
        (f"p{i:03}", {
            "card_id": f"c{random.integers(3)}", "device_id": None if i % 5 == 0 else f"d{random.integers(4)}",
            "terminal_id": f"t{random.integers(2)}", "amount": round(random.uniform(0, 1000), 2),
        }, NOW + i // 10 * 0.02)
        for i in range(300)
    ]  # fmt: skip
    cases += cases[::10]
    with Redis.from_url(redis_url) as redis, ThreadPoolExecutor(10) as workers:
        rows = list(workers.map(lambda case: decided(redis, *case), cases))
    log = list({row["id"]: row for row in reversed(rows)}.values())
    assert len(log) == 300
    assert all(row["at"] == again["at"] for row in rows for again in log if row["id"] == again["id"])
    for name, values in counted_again(log).items():
        np.testing.assert_array_equal([row["served"].get(name, np.nan) for row in log], values, err_msg=name)


def test_ten_concurrent_payments_of_one_card_are_counted_ten_times(redis_url: str) -> None:
    given = {"card_id": "c", "device_id": None, "terminal_id": "t", "amount": 0.1}
    with Redis.from_url(redis_url) as redis, ThreadPoolExecutor(10) as workers:
        rows = list(workers.map(lambda i: decided(redis, f"p{i}", given, NOW), range(10)))
    served = sorted((row["at"], row["served"]["card_id_paid_60s"], row["served"]["spent_60s"]) for row in rows)
    assert [(count, spent) for _, count, spent in served] == [(i, i / 10) for i in range(10)]
    assert len({at for at, _, _ in served}) == 10
