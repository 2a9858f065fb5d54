"""Every loop of the service says what the same function in plain Python says of the same random input."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import serving.online  # noqa: F401  imports every loop of a worker
from infra import loops

Draw = np.random.Generator
INTS, LONGS, REALS, DOUBLES, MARKS = np.int32, np.int64, np.float32, np.float64, np.uint64
BLOCKS = "serving.model.row_blocks."  # vector instructions, which Python has not: tests of the scorer ask XGBoost


def reals(draw: Draw, *shape: int) -> Any:
    """Numbers of which some are equal, some infinite and some no number."""
    odd = draw.choice([0.0, -0.0, 1.0, np.inf, -np.inf, np.nan], shape)
    return np.where(draw.random(shape) < 0.2, odd, draw.normal(size=shape)).astype(REALS)


def known(draw: Draw, *shape: int) -> Any:
    """Numbers of which some are equal."""
    return np.round(draw.normal(size=shape), 1).astype(REALS)


def codes(draw: Draw, size: int, below: int = 9) -> Any:
    """Codes of words, 0 for unknown."""
    return draw.integers(0, below, size).astype(INTS)


def flags(draw: Draw, size: int) -> Any:
    """Some yes, some no."""
    return draw.random(size) < 0.5


def order(draw: Draw, size: int) -> Any:
    """Places in any order."""
    return draw.permutation(size).astype(LONGS)


def moments(draw: Draw, size: int) -> Any:
    """Seconds, NaN for none."""
    return np.where(draw.random(size) < 0.2, np.nan, draw.integers(0, 10_000, size)).astype(DOUBLES)


def table(draw: Draw) -> tuple[Any, Any, int]:
    """A hash table of marks: slots, marks by row, and its size."""
    marks = np.r_[0, draw.integers(1, 2**64, 6, dtype=MARKS)].astype(MARKS)
    slots = np.zeros(32, INTS)
    for row in range(1, len(marks)):
        place = int(marks[row]) & 15
        while slots[16 + place]:
            place = (place + 1) & 15
        slots[16 + place] = row
    return slots, marks, 16


def index_lookup(draw: Draw) -> Iterator[Any]:
    slots, marks, size = table(draw)
    looked_up = np.r_[draw.choice(marks, 4), draw.integers(1, 2**64, 3, dtype=MARKS)].astype(MARKS)
    yield from (looked_up, slots, marks, size, np.zeros(7, INTS))


def tastes(draw: Draw) -> tuple[Any, ...]:
    return codes(draw, 9), reals(draw, 9, 3), moments(draw, 9), 1, 3600.0, 10_000.0, 0.1


def groups(draw: Draw) -> tuple[Any, ...]:
    starts = np.r_[0, 0, np.cumsum(draw.integers(0, 4, 5))].astype(LONGS)
    return codes(draw, int(starts[-1])), starts, codes(draw, 4, 8), 3, np.zeros(14, INTS), 2


def shared(draw: Draw) -> tuple[Any, ...]:
    ends = np.array([0, 8, 12, 20], LONGS)
    quotas = draw.integers(0, 7, 3).astype(LONGS)
    return codes(draw, 20, 15), flags(draw, 15), ends, quotas, np.zeros(20, INTS), np.zeros(20, np.uint8)


def features(draw: Draw) -> tuple[Any, ...]:
    plan = np.array([[0, 0, -1], [1, 1, 2], [2, 2, -1]], LONGS)
    entries = int(draw.choice([2, 3, 8]))
    places = codes(draw, 7, entries) if draw.random() < 0.5 or entries == 3 else np.zeros(0, INTS)
    return (
        reals(draw, 3, entries), np.zeros(entries, REALS), places, plan, np.abs(known(draw, 3, 2)).astype(DOUBLES) + 1,
        np.zeros((3, 7), REALS), 7,
    )  # fmt: skip


def scores(draw: Draw) -> tuple[Any, Any, Any]:
    scored = reals(draw, 20)
    return scored, scored.view(INTS), np.zeros(20, LONGS)


def fresh(draw: Draw) -> tuple[Any, ...]:
    places = order(draw, 20)
    return places, flags(draw, 20), 3, places[:8].copy(), np.zeros(3, LONGS)


def pick(draw: Draw) -> tuple[Any, ...]:
    relevance = reals(draw, 9) if draw.random() < 0.5 else known(draw, 9)
    return relevance, known(draw, 9, 9), 0.3, relevance.copy(), np.zeros(5, LONGS)


def row_states(draw: Draw) -> tuple[Any, ...]:
    states = draw.integers(0, 3, 12).astype(np.uint32) << np.uint32(8)
    rows = codes(draw, 6, 12)
    return states, rows, states[rows] + draw.integers(0, 2, 6).astype(np.uint32), np.zeros(6, bool)


ARGUMENTS: dict[str, Callable[[Draw], Any]] = {
    "feature_repo.feature_values._log": lambda draw: (reals(draw, 9).astype(DOUBLES),),
    "feature_repo.assembly._decayed": lambda draw: (
        reals(draw, 5, 3), moments(draw, 5), moments(draw, 1), 5000.0, np.array([60.0, 3600.0]),
        np.array([0, 1, 0], LONGS), np.zeros(2), np.zeros((3, 6), REALS), 5,
    ),
    "feature_repo.assembly._features": features,
    "feature_repo.assembly._fill": lambda draw: (
        reals(draw, 7).astype(DOUBLES), codes(draw, 7, 7)[: int(draw.choice([0, 7]))], np.zeros((2, 7), REALS), 1, 7,
    ),
    "serving.page.eligibility._refuse_unless": lambda draw: (codes(draw, 9) - 1, flags(draw, 5), flags(draw, 9)),
    "serving.page.eligibility._refuse_blocked": lambda draw: (codes(draw, 9), codes(draw, 2), flags(draw, 9)),
    "serving.page.diversity._spread": lambda draw: (
        reals(draw, 9) if draw.random() < 0.5 else known(draw, 9), np.zeros(9, REALS),
    ),
    "serving.page.diversity._pick": pick,
    "serving.page.slate._rare": lambda draw: (reals(draw, 9), 0.5, order(draw, 9), np.zeros(9, LONGS)),
    "serving.page.retrieve._shared": shared,
    "serving.items.mark_index._find": lambda draw: tuple(index_lookup(draw)),
    "serving.asker.user_state._done": lambda draw: (*tastes(draw), np.zeros(9, INTS)),
    "serving.asker.user_state._most": lambda draw: (*tastes(draw), np.zeros(4, INTS), np.zeros(4)),
    "serving.items.distinct_rows._distinct": lambda draw: (
        codes(draw, 9), np.zeros(32, INTS), np.zeros(9, INTS), np.zeros(9, INTS),
    ),
    "serving.items.distinct_rows._among": lambda draw: (
        draw.integers(-4, 5, 9), draw.integers(-4, 5, 7) << 40, np.zeros(16, INTS), np.zeros(9, INTS),
    ),
    "serving.page.rerank._keys": scores,
    "serving.shadow.agreement._pairs": lambda draw: (
        reals(draw, 9) if draw.random() < 0.5 else known(draw, 9).round(), reals(draw, 9), np.zeros(4, LONGS),
    ),
    "serving.page.rerank._ahead": lambda draw: (
        order(draw, 9)[:4], order(draw, 9), np.ones(9, bool), np.zeros(9, LONGS),
    ),
    "serving.page.rerank._capped": lambda draw: (
        order(draw, 9), codes(draw, 18, 4).reshape(2, 9), np.array([1, 2], LONGS), np.zeros(6, LONGS),
    ),
    "serving.page.rerank._freshened": fresh,
    "serving.items.grouped_rows._first": groups,
    "serving.items.entity_table._look": lambda draw: (
        draw.integers(0, 2**32, 12, dtype=np.uint32), codes(draw, 6, 12), np.zeros(6, np.uint32),
    ),
    "serving.items.entity_table._changed": row_states,
    "serving.items.item_views._published": lambda draw: (
        draw.integers(0, 3, (6, 2), dtype=np.uint32) * np.uint32(2**30), np.zeros(6),
    ),
    "serving.model.nearest._known": lambda draw: (
        draw.integers(-1, 9, (1, 7)), reals(draw, 1, 7), codes(draw, 9, 3), np.zeros(7, INTS), np.zeros(7, REALS),
    ),
    "serving.model.nearest._learned": lambda draw: (
        codes(draw, 7, 12), codes(draw, 9, 6) - 1, known(draw, 5, 3), 3, np.zeros((7, 3), REALS), np.zeros(7, LONGS),
    ),
    "serving.model.nearest._shorten": lambda draw: (known(draw, 6, 3) * flags(draw, 6)[:, None], 3),
}  # fmt: skip
LOOPS = {f"{each.function.__module__}.{each.function.__name__}": each for each in loops._all}


def test_no_loop_of_the_service_is_left_out() -> None:
    ours = {name for name in LOOPS if name.startswith(("serving.", "feature_repo.")) and BLOCKS not in name}
    assert ours == {*ARGUMENTS}


@pytest.mark.parametrize("name", ARGUMENTS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_loop_says_what_python_says(name: str) -> None:
    draw = np.random.default_rng(len(name))
    for _ in range(200):
        arguments = ARGUMENTS[name](draw)
        copies = [value.copy() if isinstance(value, np.ndarray) else value for value in arguments]
        # Memory views have Python's own numbers: whole ones without end, and doubles.
        views = (value.data if isinstance(value, np.ndarray) else value for value in copies)
        by_python = LOOPS[name].function(*views)
        assert LOOPS[name].run(*arguments) == by_python
        for changed, other in zip(arguments, copies, strict=True):
            np.testing.assert_array_equal(changed, other)


def test_an_image_can_be_built_with_all_of_them_compiled(tmp_path: Path) -> None:
    env = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    subprocess.run([sys.executable, "-m", "serving.fill_loop_cache"], env=env, check=True)
    cached = {path.name.split("-")[0] for path in tmp_path.rglob("*.nbc")}
    ours = [name for name in LOOPS if name.startswith(("serving.", "feature_repo."))]
    assert cached == {".".join(name.split(".")[-2:]) for name in ours}
