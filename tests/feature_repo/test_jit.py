"""Loops as machine code: they say what Python says of the same arrays, and refuse what is not theirs."""

import struct
from collections.abc import Callable
from math import exp2, log1p
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from feature_repo import jit as loops
from feature_repo import machine
from feature_repo.jit import float32_at, int64_at, jit

Codes, Marks, Flags, Bytes = NDArray[np.int32], NDArray[np.uint64], NDArray[np.bool_], NDArray[np.uint8]
Reals, Doubles = NDArray[np.float32], NDArray[np.float64]
STEP = 3
WHOLE = st.integers(-(2**31), 2**31 - 1)


@pytest.fixture(autouse=True)
def _(monkeypatch: pytest.MonkeyPatch) -> None:
    """What these tests write is not made with the loops of a worker."""
    monkeypatch.setattr(loops, "_written", [])


def both(loop: Any, *given: Any) -> tuple[int, list[list[Any]]]:
    """What it returns and writes, by machine code and, which must be the same, by Python."""
    copies = [one.copy() if isinstance(one, np.ndarray) else one for one in given]
    found = loop(*given), [one.tolist() for one in given if isinstance(one, np.ndarray)]
    assert loop.loop.in_python(*copies) == found[0]
    for mine, other in zip(given, copies, strict=True):
        np.testing.assert_array_equal(mine, other)
    return found


@jit
def kept(codes: Codes, chosen: Flags, limit: int, made: Codes) -> int:
    """Branches, turns that end early, a constant of the module, whole numbers."""
    count = there = 0
    for i in range(1, len(codes)):
        if codes[i] < 0 and not chosen[i]:
            continue
        if count == limit or (i > 2 and codes[i - 1] == codes[i]):
            break
        made[count] = (codes[i] & 0xFFFF) * STEP - 1 if chosen[i] else -(codes[i] >> 1) | 1
        count += 1
        there += i ^ 1
    while there > 100:
        there -= 100
    return count + there


@given(st.lists(st.tuples(WHOLE, st.booleans()), max_size=30), st.integers(0, 20))
def test_branches_and_whole_numbers(rows: list[tuple[int, bool]], limit: int) -> None:
    codes, chosen = np.array([c for c, _ in rows], dtype=np.int32), np.array([f for _, f in rows], dtype=bool)
    both(kept, codes, chosen, limit, np.zeros(30, dtype=np.int32))


@jit
def placed(marks: Marks, asked: Marks, places: Codes, last: Bytes) -> int:
    """Unsigned numbers, also above 2⁶³."""
    for i in range(len(asked)):
        low = 0
        high = len(marks)
        while low < high:
            middle = (low + high) >> 1
            if marks[middle] < asked[i]:
                low = middle + 1
            else:
                high = middle
        places[i] = low
        last[i] = int(asked[i] >> 56)
    return len(asked)


@given(*[st.lists(st.integers(0, 2**64 - 1), max_size=20)] * 2)
def test_large_numbers_have_no_sign(marks: list[int], asked: list[int]) -> None:
    given = np.sort(np.array(marks, dtype=np.uint64)), np.array(asked, dtype=np.uint64)
    places = np.zeros(len(asked), dtype=np.int32)
    both(placed, *given, places, np.zeros(len(asked), dtype=np.uint8))
    assert places.tolist() == np.searchsorted(*given).tolist()


@jit
def spans(values: Reals, scale: float, made: Doubles, short: Reals) -> int:
    """Two dimensions, functions, what is no number."""
    known = 0
    for row in range(len(values)):
        least = most = values[row, 0]
        for column in range(len(short)):
            least = min(least, values[row, column])
            most = max(values[row, column], most)
            short[column] = values[row, column] / scale + float(column)
        made[row] = log1p(max(most - least, 0.0)) + exp2(min(-least, 0.0)) if least == least else -1.0  # noqa: PLR0124
        known += int(most > least or least != least)  # noqa: PLR0124
    return known


ROWS = st.lists(st.lists(st.floats(width=32, min_value=-1e6), min_size=3, max_size=3), max_size=8)


@given(ROWS, st.booleans())
def test_reals_and_rows_that_lie_apart(rows: list[list[float]], turned: bool) -> None:
    values = np.array(rows, dtype=np.float32).reshape(-1, 3)
    apart = np.asfortranarray(values) if turned else np.repeat(values, 2, axis=0)[::2]
    both(spans, apart, 3.5, np.zeros(len(rows)), np.zeros(3, dtype=np.float32))


@jit
def unpacked(data: bytes, each: int, whole: NDArray[np.int64], reals: Reals) -> int:
    """Numbers that stand in bytes, wherever they begin."""
    for i in range(len(whole)):
        whole[i] = int64_at(data, i * each)
        reals[i] = float32_at(data, i * each + 8)
    return len(whole)


@given(st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), st.floats(width=32, allow_nan=False)), max_size=9))
def test_numbers_that_stand_in_bytes(rows: list[tuple[int, float]]) -> None:
    data = b"".join(struct.pack("<qf", *row) + b"odd" for row in rows)
    _, (whole, reals) = both(unpacked, data, 15, np.zeros(len(rows), np.int64), np.zeros(len(rows), np.float32))
    assert [*zip(whole, reals, strict=True)] == rows


@pytest.mark.parametrize("each", [-1, 14, 2**62], ids=["before", "cut short", "far away"])
def test_what_is_not_in_the_bytes_is_refused(each: int) -> None:
    with pytest.raises(IndexError, match="unpacked"):
        unpacked(b"x" * 25, each, np.zeros(2, np.int64), np.zeros(2, np.float32))


def test_an_index_that_is_not_there_is_refused() -> None:
    codes, chosen = np.arange(9, dtype=np.int32), np.ones(9, dtype=bool)
    with pytest.raises(IndexError, match="kept: an index is outside"):
        kept(codes, chosen[:5], 9, codes.copy())

    @jit
    def before(codes: Codes) -> int:
        return codes[len(codes) - 10]

    with pytest.raises(IndexError, match="before"):
        before(codes)


@pytest.mark.parametrize(
    "wrong",
    [np.arange(9), np.arange(9, dtype=np.uint32), np.zeros((9, 1), dtype=np.int32), [1, 2], None],
    ids=["longer", "unsigned", "two dimensions", "a list", "nothing"],
)
def test_another_kind_of_array_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"kept: an argument is not what it is made for: .*int32"):
        kept(wrong, np.ones(9, dtype=bool), 9, np.zeros(9, dtype=np.int32))


def printed(codes: Codes) -> int:
    print(codes[0])
    return 0


def renamed(codes: Codes) -> int:
    first = codes[0]
    first = 0.5
    return int(first)


def guessed(codes: Codes) -> int:
    return 1 if codes[0] else 0


def halved(codes: Codes) -> int:
    return codes[0] // 2


def stepped(codes: Codes) -> int:
    for i in range(0, len(codes), 2):
        codes[i] = i
    return 0


def contained(codes: Codes) -> int:
    return int(codes[0] in codes)


def flattened(codes: Codes) -> int:
    return codes[0, 0] + codes[0]


@pytest.mark.parametrize(
    ("written", "why"),
    [
        (printed, "print"),
        (renamed, "a float stands"),
        (guessed, "a int stands where a bool"),
        (halved, "//"),
        (stepped, "range"),
        (contained, " in "),
        (flattened, "codes"),
    ],
)
def test_what_is_not_of_the_language_is_refused(written: Callable[..., int], why: str) -> None:
    with pytest.raises(TypeError, match=f"{written.__name__}.*{why}"):
        jit(written)(np.ones(1, dtype=np.int32))


def test_where_no_machine_code_can_be_made_python_runs_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(module: Any) -> Any:
        raise RuntimeError("no such processor")

    monkeypatch.setattr(machine, "linked", broken)
    again = jit(kept.__wrapped__)  # type: ignore[attr-defined]
    codes, made = np.arange(4, dtype=np.int32), np.zeros(4, dtype=np.int32)
    assert again(codes, np.ones(4, dtype=bool), 9, made) == 3 + (0 + 3 + 2)
    assert made.tolist() == [2, 5, 8, 0]
    assert "no such processor" in caplog.text


def test_all_that_was_imported_is_made_at_once() -> None:
    @jit
    def one(codes: Codes) -> int:
        return len(codes)

    assert not one.loop.ready  # type: ignore[attr-defined]
    loops.prepare()
    assert one.loop.ready  # type: ignore[attr-defined]
    assert one(np.arange(3, dtype=np.int32)) == 3
