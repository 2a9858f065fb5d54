"""Rows written by one process and read by others: nobody sees half a row, whenever the writer is looked at or dies."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from serving.items.entity_table import EntityTable
from serving.items.shared_arrays import SharedArrays

# A process that writes rows whose words are all the same number, as fast as it can.
SCRIBBLER = """
import sys
from pathlib import Path
import numpy as np
from serving.items.entity_table import EntityTable
from serving.items.shared_arrays import SharedArrays

table = EntityTable(SharedArrays(Path(sys.argv[1])), "numbers", 1000, 40)
rows = np.arange(1, 1000, dtype=np.int32)
print("writing", flush=True)
for number in range(1, 1_000_000_000):
    table.write(rows, slice(1, 40), np.full((999, 39), number, dtype=np.uint32), np.ones(999, dtype=np.bool_))
"""


@pytest.fixture
def scribbler(tmp_path: Path) -> Iterator[None]:
    """That process, at work."""
    with subprocess.Popen([sys.executable, "-c", SCRIBBLER, tmp_path], stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stdout.readline()
        yield
        running.kill()


@pytest.mark.usefixtures("scribbler")
def test_no_reader_sees_half_a_row(tmp_path: Path) -> None:
    table = EntityTable(SharedArrays(tmp_path), "numbers", 1000, 40)
    rows = np.arange(1, 1000, dtype=np.int32)
    moments, refused = set(), 0
    for _ in range(3000):
        words = table.gather(rows)
        assert (words[:, 1:] == words[:, 1:2]).all(), "a row from two moments"
        moments.add(int(words[0, 1]))
        refused += int((words[:, 0] == 0).sum())
    assert len(moments) > 10, "it was written meanwhile"
    assert refused < 3000 * 999 * 0.5, "most rows can be read at any time"


def test_rows_that_a_dead_writer_left_half_written_are_unknown_until_the_next_writes_them(tmp_path: Path) -> None:
    table = EntityTable(SharedArrays(tmp_path), "numbers", 1000, 4)
    rows, yes = np.array([1, 2], dtype=np.int32), np.ones(2, dtype=np.bool_)
    values = np.full((2, 3), 7, dtype=np.uint32)
    table.write(rows, slice(1, 4), values, yes)
    table.column(0)[2] |= 1 << 8  # the writer died here
    assert table.gather(rows)[:, 1].tolist() == [7, 0]
    table.write(rows, slice(1, 4), values + 1, yes)
    assert table.gather(rows)[:, 1].tolist() == [8, 8]
