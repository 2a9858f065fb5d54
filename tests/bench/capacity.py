"""docs/capacity.md, written from a run: what 120,000 requests a second need in three regions when one fails."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.yardstick import REST_S, TURNS

LOOP = f"an empty loop of {TURNS:,} turns in Python, at its fastest / after {REST_S * 1000:.0f} ms of rest"
PAGE = Path(__file__).parents[2] / "docs" / "capacity.md"


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What a plan assumes. Prices are of rented machines, to be replaced by one's own.

    busy     share of a core, or of a Redis shard, that is used at the peak
    evenness the mean load over a day as a share of the peak's
    """

    peak_per_s: int = 120_000
    regions: int = 3
    lost: int = 1
    users: int = 40_000_000
    videos: int = 8_000_000
    busy: float = 0.6
    evenness: float = 0.5
    cores_per_machine: int = 32
    shard_gib: int = 24
    item_state_gib: float = 2.5
    core_hour: float = 0.04
    gib_hour: float = 0.005


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run and the assumptions lead to, for all regions together unless a field says otherwise."""

    per_region_s: float
    cores: int
    machines: int
    service_gib: float
    shards: int
    redis_gib: float
    per_million: float


def plan(figures: dict[str, Any], assumptions: Assumptions) -> Plan:
    """The plan in which the regions that are left carry the whole peak."""
    per_region = assumptions.peak_per_s / (assumptions.regions - assumptions.lost)
    feed, stored = figures["feed"], figures["conditions"]
    cores = math.ceil(per_region * feed["cpu_ms"] / 1000 / assumptions.busy)
    machines = math.ceil(cores / assumptions.cores_per_machine)
    worker_gib = max(process["own"] for process in figures["memory_mib"]) / 1024
    service_gib = cores * worker_gib + machines * assumptions.item_state_gib
    redis_gib = (
        assumptions.users * stored["redis_bytes_per_user"] + assumptions.videos * stored["redis_bytes_per_video"]
    ) / 2**30
    by_load = per_region * feed["redis_cpu_ms"] / 1000 / assumptions.busy
    shards = math.ceil(max(by_load, redis_gib / assumptions.shard_gib))
    hourly = (cores + shards) * assumptions.core_hour + (service_gib + redis_gib) * assumptions.gib_hour
    feeds = assumptions.peak_per_s * assumptions.evenness * 3600 / 1e6
    n = assumptions.regions
    return Plan(per_region, n * cores, n * machines, n * service_gib, n * shards, n * redis_gib, n * hourly / feeds)


def write(figures: dict[str, Any], page: Path = PAGE) -> Path:
    """Write the page of a run; returns where."""
    page.write_text(text(figures, Assumptions()))
    return page


def text(figures: dict[str, Any], assumptions: Assumptions) -> str:
    """The page as Markdown."""
    needed, feed, naive = plan(figures, assumptions), figures["feed"], figures["naive"]
    stored, machine, lowest = figures["conditions"], figures["machine"], figures["lowest_rung"]
    worker = max(figures["memory_mib"], key=lambda process: process["own"])
    rows = [
        ("CPU of one feed, service", f"{feed['cpu_ms']:.2f} ms", ""),
        ("CPU of one feed, Redis", f"{feed['redis_cpu_ms']:.2f} ms", ""),
        ("CPU of one feed, naive stack", f"{naive['cpu_ms']:.0f} ms ({figures['naive_over_feed']:.0f} times)", ""),
        (LOOP, _loop(figures["yardstick"]), ""),
        ("feeds a core and second, fully busy", f"{figures['capacity_per_s']:.0f}", ""),
        ("latency at half load, p50 / p99 / p99.9", _times(feed), ""),
        ("latency of the lowest rung with all of the load, p50 / p95", _times(lowest, "p50", "p95"), ""),
        ("highest load of one core at which 99 % are answered well in time", _knee(figures["goodput"]), ""),
        ("memory of a worker, without item states shared by all", f"{worker['own']} MiB", ""),
        ("of that, code of libraries", f"{worker['code']} MiB", ""),
        ("worker ready after", f"{figures['worker_s']:.1f} s", ""),
        ("service ready after", f"{figures['ready_s']:.1f} s ({figures['ready_cpu_s']:.1f} s CPU)", ""),
        ("Redis memory of a user / of a video", _stored(stored), ""),
        (
            f"feeds a second and region, {assumptions.lost} of {assumptions.regions} lost",
            "",
            f"{needed.per_region_s:,.0f}",
        ),
        ("cores, all regions", "", f"{needed.cores:,}"),
        (f"machines of {assumptions.cores_per_machine} cores", "", f"{needed.machines:,}"),
        ("memory of the service", "", f"{needed.service_gib:,.0f} GiB"),
        ("Redis shards", "", f"{needed.shards:,}"),
        ("Redis memory", "", f"{needed.redis_gib:,.0f} GiB"),
        ("cost of a million feeds", "", f"{needed.per_million:.2f}"),
    ]
    table = "\n".join(f"| {what} | {measured} | {extrapolated} |" for what, measured, extrapolated in rows)
    values = _values(figures, stored, machine) | {"steps": _steps(figures["goodput"]), "noted": _noted(figures)}
    return TEXT.format(table=table, assumptions=_assumptions(assumptions), **values)


def lacking(figures: dict[str, Any]) -> list[str]:
    """What the loads of a run lacked of what they were meant to be."""
    loads = [(name, figures[name]) for name in ("feed", "rank_100", "rank_300", "lowest_rung", "naive")]
    loads += [(f"{step['share_of_capacity']:.0%} of a core", step) for step in figures["goodput"]["steps"]]
    return [f"{name}: {load['noted']}" for name, load in loads if "noted" in load]


def _noted(figures: dict[str, Any]) -> str:
    lines = "".join(f"\n- {line}" for line in lacking(figures))
    return f"\n**The machine was busy.** This run is incomplete:\n{lines}\n" if lines else ""


def _values(figures: dict[str, Any], stored: dict[str, Any], machine: dict[str, Any]) -> dict[str, Any]:
    return {
        "cpu": machine["cpu"], "cores": machine["cores"], "python": machine["python"],
        "half": figures["feed"]["offered_per_s"], "requests": figures["feed"]["requests"], **{
            name: stored[name] for name in ("videos", "users", "candidates_scored", "features", "trees", "depth")
        },
    }  # fmt: skip


def _times(row: dict[str, Any], *levels: str) -> str:
    return " / ".join(f"{row['latency_ms'][level]:.1f}" for level in levels or ("p50", "p99", "p99.9")) + " ms"


def _knee(goodput: dict[str, Any]) -> str:
    return (
        f"{goodput['knee_per_s']:.0f} a second ({goodput['knee_share']:.0%})" if goodput["knee_per_s"] else "none tried"
    )


def _loop(yardstick: dict[str, float]) -> str:
    return f"{yardstick['fastest_ms']:.2f} / {yardstick['rested_ms']:.2f} ms"


def _stored(stored: dict[str, Any]) -> str:
    return f"{stored['redis_bytes_per_user']:,} / {stored['redis_bytes_per_video']:,} bytes"


def _steps(goodput: dict[str, Any]) -> str:
    lines = []
    for step in goodput["steps"]:
        times, answers = step["latency_ms"], step["answers"]
        full, scored = answers.get("full", 0) / sum(answers.values()), step["candidates_scored"]
        refused = f"{step['refused_ms']['p99']:.1f}" if step["refused_ms"] else ""
        lines.append(
            f"| {step['share_of_capacity']:.0%} | {step['offered_per_s']:.0f} | {step['goodput_per_s']:.0f} | "
            f"{step['cpu_ms']:.2f} | {step['kept']:.1%} | {step['refused']:.1%} | {step['late']:.1%} | {full:.1%} | "
            f"{scored:.0f} | {times['p50']:.1f} | {times['p99']:.1f} | {refused} |"
        )
    return "\n".join(lines)


def _assumptions(assumptions: Assumptions) -> str:
    return "\n".join([
        f"- {assumptions.peak_per_s:,} feeds/s at the peak, and {assumptions.evenness:.0%} of that in a day's mean",
        f"- {assumptions.regions} regions, of which {assumptions.lost} may be lost",
        f"- {assumptions.users:,} users and {assumptions.videos:,} videos, all of them stored in every region",
        f"- cores and Redis shards {assumptions.busy:.0%} busy at the peak",
        f"- {assumptions.item_state_gib:g} GiB of item states a machine, {assumptions.shard_gib} GiB a Redis shard",
        f"- {assumptions.core_hour:g} a core-hour and {assumptions.gib_hour:g} a GiB-hour, in any currency",
    ])  # fmt: skip


TEXT = """# Capacity

Written by `make bench-serve` (`tests/bench/capacity.py`) from the run whose figures are in
`.flywheel/bench/serve.json`. Measured and extrapolated figures are in separate columns.

Measured on {cores} cores of {cpu}, Python {python}: one worker, {videos:,} videos and {users:,} users in
Redis, {candidates_scored} candidates scored on {features} features by {trees} trees of depth {depth}, re-ranked to a
page of 20 and logged; JSON over HTTP keep-alive on loopback, open loop with Poisson arrivals, latency from the intended
start; {requests:,} requests at {half:.0f}/s for cost and latency. CPU is the sum over all processes of the service,
with its background work; Redis is counted separately. The empty loop shows how fast the machine was during the run: on
a shared machine all costs rise and fall with it.
{noted}
| | measured | extrapolated |
|---|---|---|
{table}

Extrapolated from:

{assumptions}

and calculated as follows:

- feeds a region = peak / (regions − lost regions): the regions that are left share the peak
- cores = feeds a region × CPU of a feed / share busy, in each region
- memory of the service = cores × memory of a worker + machines × item states
- shards = the larger of feeds a region × Redis CPU of a feed / share busy, and Redis memory / memory of a shard
- cost of a million feeds = regions × ((cores + shards) × price of a core-hour + GiB × price of a GiB-hour) / million
  feeds an hour

Not included: the network, replicas of Redis, the load balancer, and all training.

## Goodput against offered load

A request is good when a valid page came within 180 ms of its intended start, refused when it got a 429 with
Retry-After, and late when the page came later or never. `full` is the share of requests answered from scored
candidates, `scored` the mean number of candidates scored for them: above its capacity the service first scores fewer
candidates, and refuses requests last. CPU is the service's for one request, including refused ones. Latencies are those
of requests that were not refused; the last column is that of refusals.

| of a core | offered/s | good/s | CPU ms | good | refused | late | full | scored | p50 ms | p99 ms | refused p99 ms |
|---|---|---|---|---|---|---|---|---|---|---|---|
{steps}
"""
