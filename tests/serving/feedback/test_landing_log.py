"""Landing files: complete lines on disk, handed over when closed, repaired after a crash; losses are counted."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from serving import metrics
from serving.definition import LandingValues
from serving.feedback import decision_log
from serving.feedback.decision_log import DecisionLog
from serving.feedback.landing_log import LandingLog, recover


def files(folder: Path) -> list[str]:
    return sorted(path.suffix for path in folder.glob("*"))


LOG = "import os, sys; from pathlib import Path; from serving.feedback.landing_log import LandingLog;"
LOG += "log = LandingLog(Path(sys.argv[1]));"


def ended(folder: Path, last: str) -> int:
    """The exit status of a process that had a log, and did not live to hand it over."""
    return subprocess.run([sys.executable, "-c", LOG + last, str(folder)], check=False).returncode


def test_lines_are_there_before_the_file_is_handed_over(tmp_path: Path) -> None:
    landing = LandingLog(tmp_path / "events", rows=3)
    landing.append([b"1", b"2"], now=1000.0)
    assert files(tmp_path / "events") == [".open"]
    assert next((tmp_path / "events").glob("*")).read_bytes() == b"1\n2\n"
    landing.append([b"3"], now=1001.0)
    assert files(tmp_path / "events") == [".jsonl"]


def test_a_quiet_file_is_handed_over_when_it_is_old(tmp_path: Path) -> None:
    landing = LandingLog(tmp_path / "events", seconds=60)
    landing.append([b"1"], now=1000.0)
    landing.rotate(now=1059.0)
    assert files(tmp_path / "events") == [".open"]
    landing.rotate(now=1060.0)
    assert files(tmp_path / "events") == [".jsonl"]


def test_a_killed_process_leaves_whole_lines_only(tmp_path: Path) -> None:
    assert ended(tmp_path, "log.append([b'first'], 1.0); os.write(log._file, b'half a li'); os._exit(9)") == 9
    (handed_over,) = recover(tmp_path)
    assert handed_over.read_bytes() == b"first\n"
    assert files(tmp_path) == [".jsonl"]


def test_a_file_that_someone_still_writes_is_left_alone(tmp_path: Path) -> None:
    landing = LandingLog(tmp_path)
    landing.append([b"1"], now=1.0)
    assert recover(tmp_path) == []
    landing.close()


def test_a_sibling_that_lives_on_hands_over_what_a_killed_one_left(tmp_path: Path) -> None:
    assert ended(tmp_path, "log.append([b'theirs'], 1.0); os._exit(9)") == 9
    alive = LandingLog(tmp_path)
    alive.append([b"ours"], now=10.0)
    alive.rotate(now=10.0)
    assert files(tmp_path) == [".jsonl", ".open"]
    (of_sibling,) = tmp_path.glob("*.jsonl")
    assert of_sibling.read_bytes() == b"theirs\n"


def test_nothing_is_handed_over_where_nothing_was_written(tmp_path: Path) -> None:
    """Not even by a process that was killed before its first row: ingestion refuses empty files."""
    assert ended(tmp_path, "log._open(1.0); os._exit(9)") == 9
    assert recover(tmp_path) == []
    assert files(tmp_path) == []


def test_siblings_that_recover_at_once_do_not_quarrel(tmp_path: Path) -> None:
    for _ in range(20):
        for n in range(10):
            (tmp_path / f"left-{n}.jsonl.open").write_bytes(b"1\n")
        with ThreadPoolExecutor(4) as pool:
            handed_over = [path for some in pool.map(recover, [tmp_path] * 4) for path in some]
        assert len(handed_over) == len(set(handed_over)) == 10
        for path in handed_over:
            path.unlink()


@pytest.mark.parametrize("left", [0, 1, 5], ids=["not a byte", "half a row", "a row and a bit"])
def test_a_disk_that_fills_up_in_the_middle_leaves_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: int
) -> None:
    landing = LandingLog(tmp_path)
    landing.append([b"first"], now=1.0)
    monkeypatch.setattr(os, "write", Full(left))
    with pytest.raises(OSError, match="No space left"):
        landing.append([b"two", b"three"], now=1.0)
    monkeypatch.undo()
    landing.append([b"again"], now=1.0)
    landing.close()
    assert next(tmp_path.glob("*.jsonl")).read_bytes() == b"first\nagain\n"


def test_a_disk_that_cannot_even_take_back_leaves_the_file_to_be_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    landing = LandingLog(tmp_path)
    landing.append([b"first"], now=1.0)
    monkeypatch.setattr(os, "write", Full(2))
    monkeypatch.setattr(os, "ftruncate", refuse)
    with pytest.raises(OSError, match="No space left"):
        landing.append([b"second"], now=1.0)
    monkeypatch.undo()
    landing.append([b"again"], now=1.0)
    landing.close()
    recover(tmp_path)
    assert sorted(path.read_bytes() for path in tmp_path.glob("*.jsonl")) == [b"again\n", b"first\n"]


class Full:
    """A disk that has room for so many bytes more."""

    def __init__(self, left: int) -> None:
        self._left, self._write = left, os.write

    def __call__(self, file: int, data: bytes) -> int:
        if not self._left:
            refuse()
        taken = self._write(file, data[: self._left])
        self._left -= taken
        return taken


def refuse(*_: object) -> None:
    raise OSError(28, "No space left on device")


def test_a_full_queue_costs_rows_and_says_so(tmp_path: Path) -> None:
    log = DecisionLog(tmp_path / "crowded", lambda: 1.0, LandingValues(pages=1))
    dropped = metrics.DROPPED.labels("crowded")
    log.put([b'{"n":1}'])
    log.put([b'{"n":2}', b'{"n":3}'])
    assert dropped._value.get() == 2
    log.start()
    log.stop()
    assert next((tmp_path / "crowded").glob("*.jsonl")).read_bytes() == b'{"n":1}\n'


def test_a_full_disk_costs_rows_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    log = DecisionLog(tmp_path / "full", lambda: 1.0)
    monkeypatch.setattr(os, "fsync", full)
    log.start()
    log.put([b'{"n":1}'])
    log.stop()
    assert metrics.DROPPED.labels("full")._value.get() == 1
    assert decision_log.log.name
