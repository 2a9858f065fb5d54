"""The fold's vectorised pass: any split and any order of batches ends in the same states."""

from itertools import pairwise
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_repo.definition import CounterView
from feature_repo.folding.carry import states_of

Rows = list[dict[str, Any]]
ENTITY = CounterView("entity", ("who",), {"n": ("1m", "1h", "30d")}, "an entity")
SUMS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 400_000), st.floats(0, 1e6)), min_size=1, max_size=60)


@given(sums=SUMS, batch=st.integers(1, 20), late=st.lists(st.booleans(), min_size=60, max_size=60))
@settings(max_examples=150, deadline=None)
def test_any_split_and_any_order_of_batches_ends_in_the_same_states(
    sums: list[tuple[int, int, float]], batch: int, late: list[bool]
) -> None:
    """Half of the sums come first, whatever their moment; the other half meets the states they made."""
    early = [row for row, is_late in zip(sums, late, strict=False) if not is_late]
    known = lasts(carried(early, {}, batch))
    ended = lasts(carried([row for row, is_late in zip(sums, late, strict=False) if is_late], known, batch))
    for who, (at, values) in (known | ended).items():
        of_entity = [(minute, x) for entity, minute, x in sums if entity == who]
        assert at == max(minute for minute, _ in of_entity)
        for value, half_life in zip(values, ENTITY.half_lives, strict=True):
            direct = sum(x * 2.0 ** (-(at - minute) * 60 / half_life) for minute, x in of_entity)
            assert value == pytest.approx(direct, rel=1e-9, abs=1e-200)


def carried(sums: list[tuple[int, int, float]], known: dict[int, tuple[int, list[float]]], batch: int) -> Rows:
    """What the pass makes of sums and previous states, in record batches of that many rows."""
    rows = [{"who": f"{who}", "published_at": minute * 60_000_000, "is_new": True} | dict.fromkeys(ENTITY.counters, x)
            for who, minute, x in sums]  # fmt: skip
    rows += [
        {
            "who": f"{who}",
            "published_at": at * 60_000_000,
            "is_new": False,
            **dict(zip(ENTITY.counters, values, strict=True)),
        }
        for who, (at, values) in known.items()
    ]
    fields = [("who", pa.string()), ("published_at", pa.timestamp("us", tz="UTC")), ("is_new", pa.bool_())]
    schema = pa.schema([*fields, *((name, pa.float64()) for name in ENTITY.counters)])
    ordered = pa.Table.from_pylist(sorted(rows, key=lambda r: (r["who"], r["is_new"], r["published_at"])), schema)
    return [row for out in states_of(ENTITY, iter(ordered.to_batches(batch))) for row in out.to_pylist()]


def lasts(rows: Rows) -> dict[int, tuple[int, list[float]]]:
    """The state of each entity that is still true; every other one ends where the next begins."""
    for row, after in pairwise(rows):
        assert row["until"] == (after["published_at"] if row["who"] == after["who"] else None)
    return {
        int(row["who"]): (round(row["published_at"].timestamp() / 60), [row[name] for name in ENTITY.counters])
        for row in rows if row["until"] is None
    }  # fmt: skip
