"""The comparison of offline stores in the small: it runs through, a store that is wrong is shown, bounds refuse."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.bench.pit import __main__ as command
from tests.bench.pit import cases, retrieval, trial
from tests.bench.pit.figures import EQUAL, FILLED, MILLION, REFERENCE, Bound, Row, bounds
from tests.bench.pit.rows import QUESTION, Size
from tests.bench.pit.trial import Limits, Trial, measured


def test_it_runs_through_in_the_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def here(work: list[str], *_: object) -> Trial:
        trial.main(work[0], work[1], Path(work[2]))
        return Trial(1.0, 100.0, 1.0)

    monkeypatch.setattr(command, "measured", here)  # imports in three processes of their own would take 12 s of CPU
    page = tmp_path / "page.md"
    arguments = ["--impressions", "2000", "--stores", "asof", "--entities", "0", "--page", str(page)]
    assert command.main(arguments) == 0
    text = page.read_text()
    assert "| 2,000, 20% on one key | as-of |" in text
    assert "| compound keys (1, 23) and (12, 3) are two | right |" in text
    assert text.count("not measured") >= 5, "a small run does not pretend to have measured the large one"


def rows_of(cpu: dict[tuple[str, int, float], float], peak: float = 900.0, answers: str = EQUAL) -> list[Row]:
    """A row for each store and size with that much CPU."""
    return [Row(Size(size, hot), store, Trial(s, peak, s), REFERENCE if store == "asof" else answers)
            for (store, size, hot), s in cpu.items()]  # fmt: skip


GOOD = {
    ("asof", MILLION, 0.0): 8.0, ("feast_spark", MILLION, 0.0): 80.0, ("asof", MILLION, 0.2): 9.0,
    ("asof", 5 * MILLION, 0.0): 30.0, ("feast_spark", 5 * MILLION, 0.0): 250.0,
}  # fmt: skip


def verdicts(rows: Sequence[Row], filled_mib: float = 900.0) -> list[bool | None]:
    return [bound.held for bound in bounds(rows, (FILLED, Trial(20.0, filled_mib, 60.0)))]


def test_every_bound_can_hold() -> None:
    assert verdicts(rows_of(GOOD)) == [True] * 7


@pytest.mark.parametrize(
    ("change", "peak", "filled_mib", "answers", "refused"),
    [
        ({("asof", MILLION, 0.0): 30.0, ("asof", MILLION, 0.2): 30.0}, 900, 900, EQUAL, 0),
        ({("feast_spark", 5 * MILLION, 0.0): 100.0}, 900, 900, EQUAL, 1),
        ({("asof", 5 * MILLION, 0.0): 55.0}, 900, 900, EQUAL, 2),
        ({("asof", MILLION, 0.2): 13.0}, 900, 900, EQUAL, 3),
        ({}, 3100, 900, EQUAL, 4),
        ({}, 900, 1600, EQUAL, 5),
        ({}, 900, 900, "**3 other values**", 6),
    ],
    ids=["CPU at 1 M", "CPU at 5 M", "growth", "hot keys", "memory", "filling", "answers"],
)
def test_each_bound_refuses(
    change: dict[tuple[str, int, float], float], peak: float, filled_mib: float, answers: str, refused: int
) -> None:
    held = verdicts(rows_of(GOOD | change, peak, answers), filled_mib)
    assert [i for i, one in enumerate(held) if not one] == [refused]


def test_a_bound_that_did_not_hold_is_said_and_ends_with_status_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "bounds", lambda rows, filled: [Bound("so much", "more", False)])
    monkeypatch.setattr(command.Run, "retrievals", lambda *_: [])
    monkeypatch.setattr(command.Run, "cases", lambda *_: {})
    page = tmp_path / "page.md"
    assert command.main(["--impressions", "10", "--stores", "asof", "--entities", "0", "--page", str(page)]) == 1
    assert "did not hold" in capsys.readouterr().out
    assert "| so much | more | **did not hold** |" in page.read_text()


def test_rows_and_values_that_differ_are_counted(tmp_path: Path) -> None:
    columns = {name: pa.array(np.arange(4), pa.float32()) for name in retrieval.columns()}
    whole = pa.table({QUESTION: range(4), **columns})
    pq.write_table(whole, tmp_path / "one.parquet")
    other = whole.set_column(1, retrieval.columns()[0], pa.array([0.0, 7.0, None, 3.0], pa.float32())).slice(0, 3)
    pq.write_table(pa.concat_tables([other, other.slice(0, 1)]), tmp_path / "other.parquet")
    assert retrieval.different(tmp_path / "one.parquet", tmp_path / "other.parquet") == (2, 2), (
        "one row is lacking and one there twice"
    )
    assert retrieval.different(tmp_path / "one.parquet", tmp_path / "one.parquet") == (0, 0)


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        ({"answers": [[100.0], [200.0]]}, "right"),
        ({"answers": [[200.0], [200.0]]}, "**200 for 100**"),
        ({"answers": [[None], [200.0]]}, "**null for 100**"),
        ({"answers": [[100.0], []]}, "**drops the row**"),
        ({"answers": [[100.0, 100.0], [200.0]]}, "**3 rows for 2**"),
        ({"refused": "ValueError: no"}, "refuses: ValueError: no"),
    ],
)
def test_what_a_store_makes_of_a_case_is_said(said: dict[str, object], outcome: str) -> None:
    assert cases._outcome("feast_spark", cases.CASES[0], said) == outcome


def test_a_process_beyond_its_limit_is_ended_and_its_row_says_so(tmp_path: Path) -> None:
    ended = measured(["cases", "asof", str(tmp_path)], Limits(wall_s=1e9, peak_mib=1.0))
    assert ended.fault == "took more than the limit of 1 MiB"
    assert Limits(10.0, 1.0).passed(11.0, 0.0) == "not done within the limit of 10 s"
    assert measured(["nothing", "asof", str(tmp_path)], Limits(1e9, 1e9)).fault == "KeyError: 'nothing'"


def test_without_its_packages_the_store_on_duckdb_is_named_as_absent(tmp_path: Path) -> None:
    run = command.Run(Limits(1e9, 1e9), None, ["feast_duckdb"])
    (row,) = run.retrievals(tmp_path, Size(10), ["feast_duckdb"])
    assert (row.trial, row.answers) == (None, command.ABSENT)
    assert set(run.cases(tmp_path / "cases")["feast_duckdb"]) == {"absent"}
