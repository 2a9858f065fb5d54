"""The benchmark itself, with tiny numbers: it runs through, and what a run lacked stands beside its figures."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.bench import capacity, costs, measures, table
from tests.bench.catalogue import Scale
from tests.bench.measures import Driven, Length
from tests.bench.open_loop import Outcome, Plan, steady
from tests.bench.serve import measured

TINY = Scale(videos=1200, users=150, rows=3000, trees=20, depth=3)
SHORT = Length(
    warm=30, requests=60, calibrate=30, step_s=0.3, rank=20, lowest=60, naive=4, idle_s=0.2, loops=5
)  # fmt: skip


def test_it_runs_through(tmp_path: Path) -> None:
    figures = measured(tmp_path, TINY, SHORT, lambda words: None)
    assert figures["feed"]["cpu_ms"] > 0
    assert figures["naive"]["cpu_ms"] > figures["feed"]["cpu_ms"]
    assert not {"400", "401", "422", "500"} & {
        w for route in ("feed", "rank_100", "rank_300") for w in figures[route]["answers"]
    }
    assert figures["lowest_rung"]["answers"] == {"popular": figures["lowest_rung"]["requests"]}
    assert [step["share_of_capacity"] for step in figures["goodput"]["steps"]] == list(measures.LOADS)
    assert {"score", "features"} <= figures["feed"]["stages_ms"].keys()
    assert 0 < figures["worker_s"] < figures["ready_s"]
    assert figures["memory_mib"][0]["rss"] >= figures["memory_mib"][0]["own"] > 0
    assert 0 < figures["yardstick"]["fastest_ms"] <= figures["yardstick"]["rested_ms"]
    figures["feed"]["noted"] = "498.1 candidates were scored per request, not 500"
    page = capacity.write(figures, tmp_path / "capacity.md").read_text()
    assert "| measured | extrapolated |" in page
    assert "- feed: 498.1 candidates were scored per request, not 500" in page
    table.show(figures)


def done(full: int, other: int, scored: float) -> Driven:
    """A load of which so many requests got a full answer."""
    count = full + other
    label = np.array([0] * full + [1] * other, dtype=np.int16)
    nothing = np.zeros(count)
    plan = Plan("127.0.0.1", 1, "/", steady(100, count / 100), (b"{}",))
    outcome = Outcome(
        plan, np.full(count, 200, dtype=np.int16), nothing, np.full(count, True), label, ("full", "popular"), nothing,
        np.full(count, False), 0.0, 0.0,
    )  # fmt: skip
    return Driven(outcome, 3.0, 0.1, {"flywheel_scored_items_total": scored * full})


@pytest.mark.parametrize(
    ("spoilt", "words"),
    [
        (done(full=99, other=1, scored=498.1), "498.1 candidates were scored per request, not 500"),
        (done(full=90, other=10, scored=500), "only 90.0% of the requests got a full answer"),
    ],
    ids=["fewer scored", "fewer answered in full"],
)
def test_a_slow_hour_is_tried_again_and_then_reported(spoilt: Driven, words: str) -> None:
    complete = done(full=99, other=1, scored=500)
    hours = iter([spoilt, complete])
    assert "noted" not in measures.tried(lambda: next(hours), measures.not_complete).facts()
    assert words in measures.tried(lambda: spoilt, measures.not_complete).facts()["noted"]


FIGURES = {
    "feed": {"cpu_ms": 3.0, "redis_cpu_ms": 0.1},
    "memory_mib": [{"own": 40, "code": 20}, {"own": 256, "code": 90}],
    "conditions": {"redis_bytes_per_user": 1024, "redis_bytes_per_video": 512},
}


def test_a_region_carries_its_share_with_another_one_gone() -> None:
    needed = capacity.plan(FIGURES, capacity.Assumptions())
    assert needed.per_region_s == 60_000
    assert needed.cores == 3 * 60_000 * 0.003 / 0.6
    lonely = capacity.plan(FIGURES, capacity.Assumptions(regions=2))
    assert lonely.cores / 2 == 2 * needed.cores / 3
    dearer = capacity.plan(FIGURES, replace(capacity.Assumptions(), core_hour=0.08))
    assert dearer.per_million > needed.per_million


def test_costs_are_those_of_the_whole_family(tmp_path: Path) -> None:
    """A child that has ended is counted with whoever waited for it."""
    before = costs.cpu_s(os.getpid())
    subprocess.run([sys.executable, "-c", "sum(range(30_000_000))"], check=True)
    assert costs.cpu_s(os.getpid()) - before > 0.2
