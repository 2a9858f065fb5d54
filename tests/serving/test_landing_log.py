"""Landing files: whole lines on disk, handed over when closed, mended after a crash; losses are counted."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from serving import decision_log, metrics
from serving.decision_log import DecisionLog
from serving.landing_log import LandingLog, recover


def files(folder: Path) -> list[str]:
    return sorted(path.suffix for path in folder.glob("*"))


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
    program = (
        "import os, sys; from pathlib import Path; from serving.landing_log import LandingLog;"
        "log = LandingLog(Path(sys.argv[1])); log.append([b'first'], 1.0);"
        "os.write(log._file, b'half a li'); os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False).returncode == 9
    (found,) = recover(tmp_path)
    assert found.read_bytes() == b"first\n"
    assert files(tmp_path) == [".jsonl"]


def test_a_file_that_someone_still_writes_is_left_alone(tmp_path: Path) -> None:
    landing = LandingLog(tmp_path)
    landing.append([b"1"], now=1.0)
    assert recover(tmp_path) == []
    landing.close()


def test_a_full_queue_costs_rows_and_says_so(tmp_path: Path) -> None:
    log = DecisionLog(tmp_path / "crowded", lambda: 1.0, waiting=1)
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
