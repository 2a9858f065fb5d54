"""What one decided case costs, beside the obvious stack, in one run: `python -m tests.bench.cases.run`."""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from infra import redis_server
from infra.settings import Settings
from serving.access.keyring import bearer
from serving.launch import started
from tests.bench import costs
from tests.bench.cases import stand
from tests.bench.cases.judges import judge, judge_naive
from tests.bench.cases.serving import NAME
from tests.bench.cases.system import PATH
from tests.bench.naive import store
from tests.bench.naive.run import serving_naive
from tests.bench.open_loop import Plan, drive_noted, steady
from tests.bench.stand import free_port

OURS, NAIVE = (200.0, 2000), (8.0, 80)  # requests a second, requests
TIMES = 30.0  # so much dearer the obvious stack has to be
Say = Callable[[str], None]


def main() -> int:
    """Exit status 1 when the obvious stack costs less than so many times as much."""
    with tempfile.TemporaryDirectory(prefix="flywheel-bench-") as home:
        figures = measured(Path(home), print)
    print(json.dumps(figures, indent=1))
    return 0 if figures["naive_over_decide"] >= TIMES else 1


def measured(home: Path, say: Say) -> dict[str, Any]:
    """CPU milliseconds of one case, of the service and of the obvious stack."""
    home.mkdir(exist_ok=True)
    port = free_port()
    settings = Settings(
        home=home, redis_url=f"redis://127.0.0.1:{port}/0", service_port=free_port(), service_workers=1, system=NAME,
        systems={NAME: PATH},
    )  # fmt: skip
    with redis_server.running(settings.redis_url, home / "redis"):
        stand.fill(settings)
        folder = stand.release(settings)
        say("one case of 40 features and 300 trees …")
        ours = _ours(settings)
        say("the obvious stack …")
        naive = _naive(home / "naive", folder, f"127.0.0.1:{port},db=1")
    return {"decide": ours, "naive": naive, "naive_over_decide": round(naive["cpu_ms"] / ours["cpu_ms"], 1)}


def _ours(settings: Settings) -> dict[str, Any]:
    headers = {"content-type": "application/json", **bearer(settings, "decide")}
    rate, count = OURS
    with started(settings) as running:
        pid = running.process.pid
        worker = next(child for child in costs.family(pid) if child != pid)
        for first, number in ((0, 400), (400, count)):
            bodies = tuple(msgspec.json.encode(stand.payment(i)) for i in range(first, first + number))
            plan = Plan("127.0.0.1", settings.service_port, "/v1/decide", steady(rate, number / rate), bodies, headers)
            before, began = costs.cpu_s(worker), time.monotonic()
            outcome, _ = drive_noted(plan, judge)
            spent, took = costs.cpu_s(worker) - before, time.monotonic() - began
        rested, since = costs.cpu_s(worker), time.monotonic()
        time.sleep(5.0)
        background = (costs.cpu_s(worker) - rested) / (time.monotonic() - since)
    return {
        "requests": len(plan.at),
        "cpu_ms": round(spent / len(plan.at) * 1000, 3),
        "of_which_background_ms": round(background * took / len(plan.at) * 1000, 3),
        "answered_by": outcome.counts(),
        "latency_ms": {level: round(value, 1) for level, value in outcome.percentiles().items()},
    }


def _naive(folder: Path, release: Path, redis: str) -> dict[str, Any]:
    folder.mkdir()
    (folder / "model.ubj").write_bytes((release / "model.ubj").read_bytes())
    rows, _ = stand.examples()
    cards, terminals = [f"c{i}" for i in range(stand.CARDS)], [f"t{i}" for i in range(stand.TERMINALS)]
    store.fill(folder, redis, list(stand.COLUMNS), rows, cards, terminals)
    port, (rate, count) = free_port(), NAIVE
    with serving_naive(folder, port, {}, "tests.bench.cases.naive_service:NaiveDecide") as pid:
        for number in (16, count):
            asked = [stand.payment(i) for i in range(number)]
            bodies = tuple(
                msgspec.json.encode({name: case[name] for name in ("card_id", "terminal_id", "amount")})
                for case in asked
            )
            at = steady(rate, number / rate)
            before = costs.cpu_s(pid)
            outcome, _ = drive_noted(Plan("127.0.0.1", port, "/v1/decide", at, bodies, patience_s=30), judge_naive)
            spent = costs.cpu_s(pid) - before
    return {
        "requests": count,
        "cpu_ms": round(spent / count * 1000, 2),
        "answered_by": outcome.counts(),
        "latency_ms": {level: round(value, 1) for level, value in outcome.percentiles().items()},
    }


if __name__ == "__main__":
    sys.exit(main())
