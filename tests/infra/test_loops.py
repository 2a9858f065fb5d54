"""Loops as machine code: they say what Python says of the same arrays, and refuse what is not theirs."""

import fcntl
import shutil
import subprocess
import sys
from contextlib import ExitStack
from math import exp2, log1p
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from feature_repo.feature_values import _log
from infra import loop_cache, loops
from infra.loops import loop
from tests.orchestration.commands.test_cli import ROOT

Codes, Marks, Flags, Bytes = NDArray[np.int32], NDArray[np.uint64], NDArray[np.bool_], NDArray[np.uint8]
Reals, Doubles = NDArray[np.float32], NDArray[np.float64]
STEP = 3
WHOLE = st.integers(-(2**31), 2**31 - 1)


@pytest.fixture(autouse=True)
def _(monkeypatch: pytest.MonkeyPatch) -> None:
    """What these tests write is not made with the loops of a worker."""
    monkeypatch.setattr(loops, "_all", [])


@pytest.fixture(scope="module", autouse=True)
def compiled() -> None:
    """Compiling takes longer than hypothesis lets one example take."""
    for one in (kept, placed, spans):
        one.loop.compile()  # type: ignore[attr-defined]


def both(made: Any, *given: Any) -> tuple[int, list[list[Any]]]:
    """What it returns and writes, by machine code and, which must be the same, by Python."""
    copies = [one.copy() if isinstance(one, np.ndarray) else one for one in given]
    found = made(*given), [one.tolist() for one in given if isinstance(one, np.ndarray)]
    assert in_python(made, *copies) == found[0]
    for mine, other in zip(given, copies, strict=True):
        np.testing.assert_array_equal(mine, other)
    return found


def in_python(made: Any, *given: Any) -> Any:
    """The same function by Python alone, with its own numbers, as memory views have them."""
    return made.py_func(*(one.data if isinstance(one, np.ndarray) else one for one in given))


@loop("int64(read(int32[:]), read(boolean[:]), int64, int32[:])")
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


@loop("int64(read(uint64[:]), read(uint64[:]), int32[:], uint8[:])")
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
        last[i] = asked[i] >> np.uint64(56)
    return len(asked)


@given(*[st.lists(st.integers(0, 2**64 - 1), max_size=20)] * 2)
def test_large_numbers_have_no_sign(marks: list[int], asked: list[int]) -> None:
    given = np.sort(np.array(marks, dtype=np.uint64)), np.array(asked, dtype=np.uint64)
    places = np.zeros(len(asked), dtype=np.int32)
    both(placed, *given, places, np.zeros(len(asked), dtype=np.uint8))
    assert places.tolist() == np.searchsorted(*given).tolist()


@loop("int64(read(float32[:, :]), float64, float64[:], float32[:])")
def spans(values: Reals, scale: float, made: Doubles, short: Reals) -> int:
    """Two dimensions, functions, what is no number."""
    known = 0
    for row in range(len(values)):
        least = most = np.float64(values[row, 0])
        for column in range(len(short)):
            least = min(least, np.float64(values[row, column]))
            most = max(np.float64(values[row, column]), most)
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


def test_an_index_that_is_not_there_is_refused() -> None:
    codes, chosen = np.arange(9, dtype=np.int32), np.ones(9, dtype=bool)
    with pytest.raises(IndexError, match="out of bounds"):
        kept(codes, chosen[:5], 9, codes.copy())

    @loop("int64(read(int32[:]), int64)")
    def back(codes: Codes, places: int) -> int:
        return codes[len(codes) - places]

    assert back(codes, 10) == back.py_func(codes, 10) == 8  # type: ignore[attr-defined]  # from the end, as in Python
    for places in (19, -1, -(2**62)):
        with pytest.raises(IndexError, match="out of bounds"):
            back(codes, places)


@pytest.mark.parametrize(
    "wrong",
    [np.arange(9), np.arange(9, dtype=np.uint32), np.zeros((9, 1), dtype=np.int32), [1, 2], None],
    ids=["longer", "unsigned", "two dimensions", "a list", "nothing"],
)
def test_another_kind_of_array_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"No matching definition for argument type"):
        kept(wrong, np.ones(9, dtype=bool), 9, np.zeros(9, dtype=np.int32))


def test_an_array_that_may_not_be_written_is_only_read() -> None:
    codes, chosen = np.arange(4, dtype=np.int32), np.ones(4, dtype=bool)
    codes.flags.writeable = False
    made = np.zeros(4, dtype=np.int32)
    assert kept(codes, chosen, 9, made) == 3 + (0 + 3 + 2)
    with pytest.raises(TypeError, match="readonly"):
        kept(codes, chosen, 9, codes)


def test_all_that_was_imported_is_made_at_once() -> None:
    @loop("int64(read(int32[:]))")
    def one(codes: Codes) -> int:
        return len(codes)

    assert not one.loop.ready  # type: ignore[attr-defined]
    loops.prepare()
    assert one.loop.ready  # type: ignore[attr-defined]
    assert one(np.arange(3, dtype=np.int32)) == 3


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of an installation that was never started."""
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setenv("FLYWHEEL_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def first_call() -> list[float]:
    """What a loop of the project makes of some numbers when it is called first, as in a new process."""
    made, numbers = loops.Loop(_log.py_func, "int64(float64[:])"), np.array([np.e - 1, -1.0])  # type: ignore[attr-defined]
    assert made.run(numbers) == 2
    return [float(number) for number in numbers]


def cached(home: Path) -> dict[str, bytes]:
    """The files of machine code, by their names."""
    return {path.name: path.read_bytes() for path in (home / "loops").rglob("*.nb?")}


def test_machine_code_is_kept_in_the_home_for_its_owner_alone(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert first_call() == [1, 0]
    kept_there = cached(home)
    assert len(kept_there) == 2
    assert (home / "loops").stat().st_mode & 0o077 == 0
    assert first_call() == [1, 0]
    assert cached(home) == kept_there
    assert not [*(ROOT / "feature_repo").rglob("*.nbi")]
    assert not caplog.text


@pytest.mark.parametrize("place", ["loops", "loops/folder"])
def test_a_cache_that_others_may_write_is_not_used(home: Path, caplog: pytest.LogCaptureFixture, place: str) -> None:
    first_call()
    (folder,) = (home / "loops").iterdir()
    (home / "loops" if place == "loops" else folder).chmod(0o777)
    for path in (home / "loops").rglob("*.nb?"):
        path.write_bytes(b"anybody's")
    assert first_call() == [1, 0]
    assert "not this user's alone" in caplog.text
    assert set(cached(home).values()) == {b"anybody's"}


@pytest.mark.parametrize("suffix", ["nbi", "nbc"])
@pytest.mark.parametrize("content", [b"", b"\x80\x04 broken", None], ids=["empty", "broken", "cut short"])
def test_a_damaged_cache_costs_time_and_is_filled_again(
    home: Path, caplog: pytest.LogCaptureFixture, suffix: str, content: bytes | None
) -> None:
    first_call()
    (path,) = (home / "loops").rglob(f"*.{suffix}")
    path.write_bytes(path.read_bytes()[:40] if content is None else content)
    assert first_call() == [1, 0]
    assert "is removed, it cannot be read" in caplog.text
    caplog.clear()
    assert first_call() == [1, 0]
    assert len(cached(home)) == 2
    assert not caplog.text


def test_where_no_folder_can_be_made_loops_are_compiled_all_the_same(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    home.write_text("a file where a folder should be")
    assert first_call() == [1, 0]
    assert "is compiled anew at each start" in caplog.text


def test_where_no_file_can_be_written_loops_are_compiled_all_the_same(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first_call()
    (data,) = (home / "loops").rglob("*.nbc")
    shutil.rmtree(data.parent)
    data.parent.write_text("a file where a folder should be")
    assert first_call() == [1, 0]
    assert "is compiled anew at each start" in caplog.text
    assert "no locator available" in caplog.text


COMPILES = """
from feature_repo.feature_values import _log
from infra import loop_cache, loops

made = loops.Loop(_log.py_func, "int64(float64[:])")
print("begins", flush=True)
made.compile()
print(sum(made.run.stats.cache_misses.values()))
"""


def test_of_processes_that_begin_together_one_compiles_and_the_others_load(home: Path) -> None:
    folder = home / "loops" / "boundscheck=True-error_model=numpy"
    folder.mkdir(mode=0o700, parents=True)
    folder.parent.chmod(0o700)
    with ExitStack() as stack:
        lock = stack.enter_context((folder / loop_cache.LOCK).open("ab"))
        fcntl.flock(lock, fcntl.LOCK_EX)
        command = [sys.executable, "-c", COMPILES]
        both_processes = [
            stack.enter_context(subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True))
            for _ in range(2)
        ]
        assert [process.stdout.readline() for process in both_processes] == ["begins\n"] * 2  # type: ignore[union-attr]
        fcntl.flock(lock, fcntl.LOCK_UN)
        compiled_by = sorted(int(process.communicate()[0]) for process in both_processes)
    assert compiled_by == [0, 1]


def test_a_process_that_never_frees_the_lock_costs_time_and_no_answer(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop_cache, "WAITS_S", 0.0)
    assert first_call() == [1, 0]
    for index in (home / "loops").rglob("*.nbi"):
        index.unlink()
    (lock,) = (home / "loops").rglob(loop_cache.LOCK)
    with lock.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert first_call() == [1, 0]
    assert len(cached(home)) == 2
