"""`make bench-serve`: what the online path costs, how fast and how much it answers, beside the naive stack, in one run.

python -m tests.bench.serve      writes bench/serve.json below FLYWHEEL_HOME and docs/capacity.md, prints a table

Conditions that a figure depends on stand beside it. Where a run did less than it is meant to (fewer candidates scored,
a load generator that was late), it is taken again; if that does not help, the page and the table say what it lacked.
"""

import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import xgboost

from infra.settings import Settings
from tests.bench import capacity, measures, table, yardstick
from tests.bench.cases import run as cases
from tests.bench.catalogue import Scale
from tests.bench.measures import CANDIDATES, Length
from tests.bench.naive import run as naive
from tests.bench.stand import standing

Say = Callable[[str], None]


def main() -> int:
    """The whole run."""
    began = time.monotonic()

    def say(words: str) -> None:
        print(f"[{time.monotonic() - began:5.0f} s] {words}", flush=True)

    with tempfile.TemporaryDirectory(prefix="flywheel-bench-") as home:
        figures = measured(Path(home), Scale(), Length(), say)
        figures["cases"] = cases.measured(Path(home) / "cases", say)
    figures["took_s"] = round(time.monotonic() - began)
    target = Settings().home / "bench" / "serve.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(figures, indent=1) + "\n")
    page = capacity.write(figures)
    table.show(figures)
    say(f"written: {target}, {page}")
    return 0


def measured(home: Path, scale: Scale, length: Length, say: Say) -> dict[str, Any]:
    """Every figure of one run on a stand of its own."""
    with standing(scale, home, say) as stand:
        figures: dict[str, Any] = {"taken_at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": _machine()}
        figures["conditions"] = _conditions(scale, stand.facts)
        figures["ready_s"], figures["loaded_s"] = round(stand.ready_s, 2), round(stand.loaded_s, 2)
        figures["ready_cpu_s"], figures["worker_s"] = round(stand.ready_cpu_s, 2), round(stand.worker_s, 2)
        figures["memory_mib"] = measures.memory(stand)
        say("idling, to see what the background costs …")
        figures["background_cpu_ms_per_s"] = measures.background(stand, length)
        say("warming up and finding out what one core can do …")
        capacity_per_s = measures.calibrated(stand, length)
        say(f"half load: {capacity_per_s / 2:.0f} requests/s …")
        figures["feed"] = measures.feed_at_half_load(stand, capacity_per_s, length)
        figures["yardstick"] = yardstick.taken(length.loops)
        figures["capacity_per_s"] = round(1000 / figures["feed"]["cpu_ms"], 1)
        for items in (100, 300):
            say(f"ranking {items} videos of the caller's …")
            figures[f"rank_{items}"] = measures.ranking(stand, items, length)
        say("from a quarter to three times what one core can do …")
        figures["goodput"] = measures.goodput(stand, figures["capacity_per_s"], length)
        say("the lowest rung carrying everything …")
        figures["lowest_rung"] = measures.lowest_rung(stand, figures["capacity_per_s"], length)
        figures["memory_after_mib"] = measures.memory(stand)
        say("the naive stack …")
        figures["naive"] = naive.measured(stand, min(CANDIDATES, scale.videos), length.naive)
    figures["naive_over_feed"] = round(figures["naive"]["cpu_ms"] / figures["feed"]["cpu_ms"], 1)
    return figures


def _conditions(scale: Scale, facts: dict[str, Any]) -> dict[str, Any]:
    return {
        "route": "POST /v1/feed, JSON over HTTP/1.1 keep-alive on loopback, open loop, Poisson arrivals",
        "workers": 1, "videos": scale.videos, "users": scale.users, "candidates_scored": CANDIDATES, "page": 20,
        "cpu_ms": "user and system time of all of the service's processes, background work included, Redis apart",
        **facts,
    }  # fmt: skip


def _machine() -> dict[str, Any]:
    named = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "cpu": named[0].partition(":")[2].strip() if named else platform.processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "bentoml": version("bentoml"),
        "xgboost": xgboost.__version__,
        "feast": version("feast"),
    }


if __name__ == "__main__":
    sys.exit(main())
