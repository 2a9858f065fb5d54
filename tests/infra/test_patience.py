"""Waiting for a process: one that works is waited for, however slow it is; one that hangs or goes in circles is not."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.errors import Unavailable
from infra.patience import Patience, Process, Waiting, WorkDone, wait_until_ready

HOUR = 3600.0


@dataclass
class Scripted:
    """Work and a clock: each look is `step_s` later, and the work has got `share` of that time until `until_s`."""

    share: float
    step_s: float = 5.0
    until_s: float = 10 * HOUR
    now: float = 0.0

    def clock(self) -> float:
        self.now += self.step_s
        return self.now

    def done(self) -> WorkDone:
        return WorkDone(round(min(self.now, self.until_s) * self.share, 2))

    def last_words(self) -> str:
        return "Its log ends: loading"


def waited(work: Scripted, patience: Patience, seconds: float) -> list[str]:
    """What is said while such work is waited for so long."""
    said: list[str] = []
    waiting = Waiting("MLflow", work, patience, said.append, 10.0, work.clock)
    while work.now < seconds:
        waiting.look()
    return said


@given(st.floats(0.002, 2.0), st.floats(1.0, 30.0))
def test_what_gets_any_cpu_at_all_is_waited_for_longer_than_any_fixed_time(share: float, step_s: float) -> None:
    patience = Patience(idle_s=60, longest_s=HOUR, work_s=2 * HOUR)
    said = waited(Scripted(share, step_s), patience, HOUR - 60)
    assert said[0].startswith("waiting for MLflow: ")
    assert all("it is working" in words for words in said[2:])


@pytest.mark.parametrize(
    ("work", "patience", "why"),
    [
        (Scripted(0.0), Patience(idle_s=60), "neither CPU time nor a line in its log for 60 s"),
        (Scripted(0.5, until_s=300), Patience(idle_s=60), "not ready after 355 s"),
        (Scripted(1.0), Patience(work_s=100), "it used 10"),
        (Scripted(0.02), Patience(longest_s=600), "longest wait is 600 s"),
    ],
    ids=["never began", "stopped midway", "begins again and again", "works for ever"],
)
def test_what_cannot_come_to_an_end_is_given_up_and_said_why(work: Scripted, patience: Patience, why: str) -> None:
    with pytest.raises(Unavailable, match="MLflow: not ready after") as given_up:
        waited(work, patience, HOUR)
    assert why in str(given_up.value)
    assert "Its log ends: loading" in str(given_up.value)


@pytest.fixture
def worker(tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A process whose child works, while it only waits for it."""
    child = "while True: sum(range(10000))"
    script = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    process = subprocess.Popen([sys.executable, "-c", script], start_new_session=True)
    yield process
    subprocess.run(["kill", "-9", "--", f"-{process.pid}"], check=False)
    process.wait()


def test_the_work_of_children_counts(worker: "subprocess.Popen[bytes]") -> None:
    work = Process(worker.pid)
    wait_until_ready(Waiting("its child", work), lambda: work.done().cpu_s > 0.3, worker.poll)


def test_the_end_of_a_process_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    log = tmp_path / "its.log"
    with log.open("wb") as out:
        process = subprocess.Popen([sys.executable, "-c", "print('no room'); raise SystemExit(3)"], stdout=out)
    with pytest.raises(Unavailable, match=r"ended with status 3 before it was ready.*no room.*its\.log"):
        wait_until_ready(Waiting("MLflow", Process(process.pid, log)), lambda: False, process.poll)
