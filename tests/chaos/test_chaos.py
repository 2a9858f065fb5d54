"""The fault harness finds what it looks for, and the service takes the worst faults without an error."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from tests.bench.catalogue import Scale
from tests.bench.open_loop import CHECKOUT, Outcome, Plan
from tests.chaos.__main__ import PAGE
from tests.chaos.faults import FAULTS
from tests.chaos.page import broken, page
from tests.chaos.stage import Stage
from tests.chaos.trial import Course, Seen, judged, recovered, seen, tried
from tests.waiting import until

TINY = Scale(videos=2_000, users=200, rows=2_000, trees=10, depth=4)
SHORT = Course(before_s=1.0, during_s=2.5, after_s=2.0, rate=30.0)
WELL = Seen("none", 100, 0, 0, 0, (5.0, 6.0, 7.0), {"full": 1.0}, 0.0)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Stage(tmp_path_factory.mktemp("chaos"), TINY) as built:
        yield built


STAGED = """
import sys
from pathlib import Path
from tests.chaos.stage import Stage
from tests.chaos.test_chaos import TINY
with Stage(Path(sys.argv[1]), TINY):
    print("ready", flush=True)
    sys.stdin.read()
"""


def test_nothing_of_a_stage_outlives_the_process_that_made_it(tmp_path: Path) -> None:
    command = [sys.executable, "-c", STAGED, str(tmp_path)]
    with subprocess.Popen(command, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as staged:
        assert staged.stdout is not None
        assert staged.stdout.readline() == "ready\n"
        family = psutil.Process(staged.pid).children(recursive=True)
        assert any("bentoml" in " ".join(child.cmdline()) for child in family)
        staged.kill()
        until(lambda: not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in family))


@pytest.mark.parametrize(
    "name",
    [
        "Redis takes requests and never answers",
        "the disk under the logs is full",
        "a worker is killed",
        "a move dies half-way, and its release is not here",
        "the pointer to the live release is torn",
        "16 people look at the console without a pause",
    ],
)
def test_callers_see_no_error(stage: Stage, name: str) -> None:
    (fault,) = [fault for fault in FAULTS if fault.name == name]
    trial = tried(stage, fault, SHORT)
    assert (trial.errors, trial.invalid, trial.ineligible) == (0, 0, 0)
    assert 0.0 <= trial.starved <= 1.0
    assert fault.rungs & trial.rungs.keys()


def answer(*items: str, rung: str = "full") -> bytes:
    return json.dumps({"served_by": rung, "items": [{"video_id": item} for item in items]}).encode()


@pytest.mark.parametrize(
    ("status", "body", "word"),
    [
        (200, answer("v1", "v2"), "full"),
        (200, answer("v1", rung="popular"), "popular"),
        (200, answer("v1", "bad"), "ineligible"),
        (200, answer("v1", "v1"), "invalid"),
        (200, answer(), "invalid"),
        (429, b"", "invalid"),
        (503, b"", "error"),
        (0, b"", "error"),
    ],
)
def test_every_answer_is_judged(status: int, body: bytes, word: str) -> None:
    valid, counted_as = judged(frozenset({"bad"}), status, body)
    assert counted_as == word
    assert valid == (word in {"full", "popular"})


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"errors": 1}, "1 errors"),
        ({"invalid": 1}, "valid feeds"),
        ({"ineligible": 1}, "1 ineligible"),
        ({"p95_ms": (5.0, 500.0, 5.0), "late_ms": (1.0, 400.0, 1.0), "starved": 0.37},
         "p95 5, 500, 5 ms (the generator's own 1, 400, 1 ms, a worker without a processor 37% of the time)"),
        ({"recovery_s": 61.0}, "well again"),
        ({"recovery_s": float("nan")}, "well again"),
        ({"unmeasured": "the generator was late"}, "not measured: the generator was late"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)  # fmt: skip
def test_a_broken_promise_is_named(change: dict[str, object], reason: str) -> None:
    assert broken(WELL) == []
    assert any(reason in promise for promise in broken(replace(WELL, **change)))  # type: ignore[arg-type]


def outcome(labels: list[str], status: list[int], late: list[float]) -> Outcome:
    """What became of a request a second, the first one of before the fault, the last one of after it."""
    at, none = np.arange(float(len(labels))), np.zeros(len(labels))
    words = tuple(dict.fromkeys(labels))
    return Outcome(
        Plan("127.0.0.1", 1, "/", at, (b"",)), np.array(status, np.int16), none, none == 0,
        np.array([words.index(label) for label in labels], np.int16), words, np.array(late), none > 0, 0.0, 0.0,
    )  # fmt: skip


@pytest.mark.parametrize(("label", "status"), [("error", 503), ("given up", 0), ("broken twice", 0)])
def test_a_request_that_gets_no_answer_is_an_error(label: str, status: int) -> None:
    trial = seen("none", outcome(["full", label, "full"], [200, status, 200], [0.0] * 3), began=0.5, ended=1.5)
    assert trial.errors == 1
    assert trial.valid_share == pytest.approx(2 / 3)


def test_how_late_the_generator_was_stands_beside_how_late_the_service_was() -> None:
    trial = seen("none", outcome(["full"] * 3, [200] * 3, [0.001, 0.4, 0.002]), began=0.5, ended=1.5)
    assert trial.late_ms == pytest.approx((1.0, 400.0, 2.0))
    assert "| 1, 400, 2 |" in page([trial], Course(), workers=2)


def test_recovery_counts_from_the_last_bad_moment() -> None:
    at = np.arange(0, 20, 0.1)
    well = (at < 5) | ((at > 8) & (at < 9)) | (at > 12)
    assert recovered(at, well, ended=10.0) == pytest.approx(3.0)
    assert np.isnan(recovered(at, at < 5, ended=10.0))


def test_one_answer_of_the_lowest_rung_at_the_very_end_is_no_illness() -> None:
    at = np.arange(0, 20.1, 0.02)
    well = at < at[-3]
    well[-2:] = True
    assert recovered(at, well, ended=10.0) == 0.0
    assert np.isnan(recovered(at, at < 19.5, ended=10.0)), "half a second of them is"


def test_the_page_has_a_row_a_fault() -> None:
    built = page([WELL, replace(WELL, fault="another")], Course(), workers=2)
    assert [line.split(" | ")[0] for line in built.splitlines()[-2:]] == ["| none", "| another"]


def test_the_page_that_readers_see_tells_of_every_fault() -> None:
    rows = [line.split(" | ") for line in PAGE.read_text().splitlines() if line.startswith("| ")][1:]
    assert [row[0].removeprefix("| ") for row in rows] == [fault.name for fault in FAULTS]
    assert {row[2] for row in rows} == {"0"}, "errors"


def test_no_two_faults_have_the_same_name() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
