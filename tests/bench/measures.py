"""What is measured on a stand: cost, latency, goodput, memory, each with the conditions it was taken under."""

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from tests.bench import costs
from tests.bench.judges import feed, rank
from tests.bench.open_loop import Outcome, drive_noted, poisson, steady
from tests.bench.stand import Stand

CANDIDATES = 500
FULL_SHARE = 0.98  # the rest is the lowest rung's constant share of the traffic
LOADS = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)
ATTEMPTS = 3
KEPT = 0.99  # share of what is offered that must be answered well and in time below the knee


@dataclass(frozen=True, slots=True)
class Length:
    """How long each part is driven: requests for the costs, seconds a load step, times a loop."""

    warm: int = 600
    requests: int = 6000
    calibrate: int = 600
    step_s: float = 8.0
    rank: int = 1500
    lowest: int = 3000
    naive: int = 150
    idle_s: float = 8.0
    loops: int = 200


@dataclass(frozen=True, slots=True)
class Driven:
    """One load with what it cost. `noted` is what it was not, of all that it was meant to be."""

    outcome: Outcome
    cpu_ms: float
    redis_cpu_ms: float
    counted: Mapping[str, float]
    noted: str | None = None

    @property
    def scored(self) -> float:
        """Candidates scored per answer that was scored at all."""
        answers = self.outcome.counts().get("full", 0)
        return self.counted.get("flywheel_scored_items_total", 0.0) / answers if answers else 0.0

    def facts(self) -> dict[str, Any]:
        """The figures as they are written down."""
        done = self.outcome
        return {
            "requests": len(done.plan.at),
            "offered_per_s": round(len(done.plan.at) / done.plan.at[-1], 1),
            "cpu_ms": round(self.cpu_ms, 3),
            "redis_cpu_ms": round(self.redis_cpu_ms, 3),
            "latency_ms": _rounded(done.percentiles(~done.refused())),
            "goodput_per_s": round(done.goodput(), 1),
            "answers": done.counts(),
            "sent_again": int(done.retried.sum()),
            "candidates_scored": round(self.scored, 1),
            **({"noted": self.noted} if self.noted else {}),
        }


def driven(stand: Stand, at: Any, route: str = "feed", items: int = 0) -> Driven:
    """Drive a load and count what it cost the service, Redis, and what the service counted meanwhile."""
    judge = feed if route == "feed" else rank
    plan = stand.plan(at, route, items)
    counters, before = stand.metrics(), stand.spent()
    outcome, noted = drive_noted(plan, judge)
    after, now = stand.spent(), stand.metrics()
    count = len(plan.at)
    counted = {name: value - counters.get(name, 0.0) for name, value in now.items()}
    service_ms, redis_ms = (after.service - before.service) / count * 1000, (after.redis - before.redis) / count * 1000
    return Driven(outcome, service_ms, redis_ms, counted, noted)


def calibrated(stand: Stand, length: Length) -> float:
    """Requests a second that keep one core busy, by what a request costs; after a warm-up."""
    tried(partial(driven, stand, poisson(60, length.warm / 60, seed=1)))
    run = tried(partial(driven, stand, poisson(100, length.calibrate / 100, seed=2)))
    return 1000 / run.cpu_ms


def feed_at_half_load(stand: Stand, capacity: float, length: Length) -> dict[str, Any]:
    """CPU and latency of /v1/feed at half of what one core can do, and whether that was the work it is meant to be."""
    rate = capacity / 2
    run = tried(partial(driven, stand, poisson(rate, length.requests / rate, seed=3)), not_complete)
    return run.facts() | {"stages_ms": stages(run.counted)}


def tried(measure: Callable[[], Driven], lacking: Callable[[Driven], str | None] = lambda _: None) -> Driven:
    """A measurement, taken again when a machine that does something else for a while has spoilt it.

    After some attempts the last one counts, with a note of what it lacks: a slow hour is reported, not refused.
    """
    for attempt in range(1, ATTEMPTS + 1):
        run = measure()
        noted = "; ".join(filter(None, [run.noted, lacking(run)]))
        if not noted:
            break
        print(f"{'measure more' if attempt < ATTEMPTS else 'noted'}: {noted}", file=sys.stderr)
        run = replace(run, noted=noted)
    return run


def not_complete(run: Driven) -> str | None:
    """What is missing of a load that (nearly) all got a full answer to, each from 500 scored candidates."""
    fewer = None
    if abs(run.scored - CANDIDATES) > 0.5:
        fewer = f"{run.scored:.1f} candidates were scored per request, not {CANDIDATES}: the service shed work"
    return "; ".join(filter(None, [not_full(run), fewer])) or None


def not_full(run: Driven) -> str | None:
    """What is missing of a load that (nearly) all got a full answer to."""
    full = run.outcome.counts().get("full", 0) / len(run.outcome.plan.at)
    return None if full >= FULL_SHARE else f"only {full:.1%} of the requests got a full answer (asked {FULL_SHARE:.0%})"


def stages(counted: Mapping[str, float]) -> dict[str, float]:
    """Mean milliseconds of each stage, by the service's own histogram."""
    head = "flywheel_stage_seconds_sum"
    ms_by_stage = {}
    for name, spent in counted.items():
        if name.startswith(head):
            labels = name.removeprefix(head)
            times = counted[f"flywheel_stage_seconds_count{labels}"]
            if times:
                ms_by_stage[labels.split('"')[1]] = round(spent / times * 1000, 3)
    return ms_by_stage


def goodput(stand: Stand, capacity: float, length: Length) -> dict[str, Any]:
    """Valid answers within 180 ms a second against the offered load, and where the two part: the knee."""
    steps = []
    for share in LOADS:
        at = poisson(share * capacity, length.step_s, seed=int(share * 100))
        run = tried(partial(driven, stand, at))
        steps.append({"share_of_capacity": share} | run.facts() | _fate(run))
    below = [step for step in steps if step["kept"] >= KEPT]
    return {
        "steps": steps,
        "knee_per_s": max((step["offered_per_s"] for step in below), default=None),
        "knee_share": max((step["share_of_capacity"] for step in below), default=None),
    }


def _fate(run: Driven) -> dict[str, Any]:
    """Shares of the requests: well answered in time, refused, late or lost; and how fast refusals are."""
    done = run.outcome
    good = done.good()
    well, refused, late = (float(each.mean()) for each in (good, done.refused(), ~good & ~done.refused()))
    return {
        "kept": round(well, 4),
        "refused": round(refused, 4),
        "late": round(late, 4),
        "refused_ms": _rounded(done.percentiles(done.refused())) if refused else None,
    }


def _rounded(percentiles: Mapping[str, float]) -> dict[str, float]:
    return {level: round(value, 2) for level, value in percentiles.items()}


def ranking(stand: Stand, items: int, length: Length, rate: float = 50.0) -> dict[str, Any]:
    """Latencies of /v1/rank with so many of the caller's own candidates, at a constant rate."""
    measure = partial(driven, stand, steady(rate, length.rank / rate), "rank", items)
    return tried(measure, not_full).facts()


def lowest_rung(stand: Stand, capacity: float, length: Length) -> dict[str, Any]:
    """The lowest rung carrying all of the load that one core can answer in full."""
    stand.only_lowest_rung()
    return tried(partial(driven, stand, poisson(capacity, length.lowest / capacity, seed=4))).facts()


def memory(stand: Stand) -> list[dict[str, Any]]:
    """MiB of each of the service's processes: all it has in use, its fair share, and what it has to itself."""
    return [
        {
            "process": m.command[-60:],
            "rss": round(m.rss),
            "pss": round(m.pss),
            "own": round(m.own),
            "code": round(m.code),
            "shared": round(m.shared),
        }
        for m in costs.memory(stand.running.process.pid)
    ]


def background(stand: Stand, length: Length) -> float:
    """CPU milliseconds a second that the service spends when nobody asks."""
    before = stand.spent().service
    time.sleep(length.idle_s)
    return round((stand.spent().service - before) / length.idle_s * 1000, 2)
