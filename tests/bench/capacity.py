"""docs/capacity.md, written from a run: what 120,000 requests a second need in three regions, one of them lost."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.yardstick import REST_S, TURNS

LOOP = f"an empty loop of {TURNS:,} turns in Python, at its fastest / after {REST_S * 1000:.0f} ms of rest"
PAGE = Path(__file__).parents[2] / "docs" / "capacity.md"


@dataclass(frozen=True, slots=True)
class Given:
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
    """What follows from a run and what is given; everything is for all regions together unless it says otherwise."""

    per_region_s: float
    cores: int
    machines: int
    service_gib: float
    shards: int
    redis_gib: float
    per_million: float


def plan(found: dict[str, Any], given: Given) -> Plan:
    """Every region can carry its share of the peak with the others gone."""
    per_region = given.peak_per_s / (given.regions - given.lost)
    feed, stored = found["feed"], found["conditions"]
    cores = math.ceil(per_region * feed["cpu_ms"] / 1000 / given.busy)
    machines = math.ceil(cores / given.cores_per_machine)
    worker_gib = max(process["own"] for process in found["memory_mib"]) / 1024
    service_gib = cores * worker_gib + machines * given.item_state_gib
    redis_gib = (given.users * stored["redis_bytes_per_user"] + given.videos * stored["redis_bytes_per_video"]) / 2**30
    by_load = per_region * feed["redis_cpu_ms"] / 1000 / given.busy
    shards = math.ceil(max(by_load, redis_gib / given.shard_gib))
    hourly = (cores + shards) * given.core_hour + (service_gib + redis_gib) * given.gib_hour
    feeds = given.peak_per_s * given.evenness * 3600 / 1e6
    n = given.regions
    return Plan(per_region, n * cores, n * machines, n * service_gib, n * shards, n * redis_gib, n * hourly / feeds)


def write(found: dict[str, Any], page: Path = PAGE) -> Path:
    """Write the page of a run; returns where."""
    page.write_text(text(found, Given()))
    return page


def text(found: dict[str, Any], given: Given) -> str:
    """The page as Markdown."""
    made, feed, naive = plan(found, given), found["feed"], found["naive"]
    stored, machine, lowest = found["conditions"], found["machine"], found["lowest_rung"]
    worker = max(found["memory_mib"], key=lambda process: process["own"])
    rows = [
        ("CPU of one feed, service", f"{feed['cpu_ms']:.2f} ms", ""),
        ("CPU of one feed, Redis", f"{feed['redis_cpu_ms']:.2f} ms", ""),
        ("CPU of one feed, naive stack", f"{naive['cpu_ms']:.0f} ms ({found['naive_over_feed']:.0f} times)", ""),
        (LOOP, _loop(found["yardstick"]), ""),
        ("feeds a core and second, fully busy", f"{found['capacity_per_s']:.0f}", ""),
        ("latency at half load, p50 / p99 / p99.9", _times(feed), ""),
        ("latency of the lowest rung with all of the load, p50 / p95", _times(lowest, "p50", "p95"), ""),
        ("highest load of one core at which 99 % are answered well in time", _knee(found["goodput"]), ""),
        ("memory of a worker, without item states shared by all", f"{worker['own']} MiB", ""),
        ("of that, code of libraries", f"{worker['code']} MiB", ""),
        ("worker ready after", f"{found['worker_s']:.1f} s", ""),
        ("service ready after", f"{found['ready_s']:.1f} s ({found['ready_cpu_s']:.1f} s CPU)", ""),
        ("Redis memory of a user / of a video", _stored(stored), ""),
        (f"feeds a second and region, {given.lost} of {given.regions} lost", "", f"{made.per_region_s:,.0f}"),
        ("cores, all regions", "", f"{made.cores:,}"),
        (f"machines of {given.cores_per_machine} cores", "", f"{made.machines:,}"),
        ("memory of the service", "", f"{made.service_gib:,.0f} GiB"),
        ("Redis shards", "", f"{made.shards:,}"),
        ("Redis memory", "", f"{made.redis_gib:,.0f} GiB"),
        ("cost of a million feeds", "", f"{made.per_million:.2f}"),
    ]
    table = "\n".join(f"| {what} | {measured} | {extrapolated} |" for what, measured, extrapolated in rows)
    said = _said(found, stored, machine) | {"steps": _steps(found["goodput"]), "noted": _noted(found)}
    return TEXT.format(table=table, given=_given(given), **said)


def lacking(found: dict[str, Any]) -> list[str]:
    """What the loads of a run were not, of all that they were meant to be."""
    loads = [(name, found[name]) for name in ("feed", "rank_100", "rank_300", "lowest_rung", "naive")]
    loads += [(f"{step['share_of_capacity']:.0%} of a core", step) for step in found["goodput"]["steps"]]
    return [f"{name}: {load['noted']}" for name, load in loads if "noted" in load]


def _noted(found: dict[str, Any]) -> str:
    lines = "".join(f"\n- {line}" for line in lacking(found))
    return f"\n**The machine was busy.** Read the figures with what this run lacked:\n{lines}\n" if lines else ""


def _said(found: dict[str, Any], stored: dict[str, Any], machine: dict[str, Any]) -> dict[str, Any]:
    return {
        "cpu": machine["cpu"], "cores": machine["cores"], "python": machine["python"],
        "half": found["feed"]["offered_per_s"], "requests": found["feed"]["requests"], **{
            name: stored[name] for name in ("videos", "users", "candidates_scored", "features", "trees", "depth")
        },
    }  # fmt: skip


def _times(row: dict[str, Any], *levels: str) -> str:
    return " / ".join(f"{row['latency_ms'][level]:.1f}" for level in levels or ("p50", "p99", "p99.9")) + " ms"


def _knee(found: dict[str, Any]) -> str:
    return f"{found['knee_per_s']:.0f} a second ({found['knee_share']:.0%})" if found["knee_per_s"] else "none tried"


def _loop(found: dict[str, float]) -> str:
    return f"{found['fastest_ms']:.2f} / {found['rested_ms']:.2f} ms"


def _stored(stored: dict[str, Any]) -> str:
    return f"{stored['redis_bytes_per_user']:,} / {stored['redis_bytes_per_video']:,} bytes"


def _steps(found: dict[str, Any]) -> str:
    lines = []
    for step in found["steps"]:
        times, answers = step["latency_ms"], step["answers"]
        full, scored = answers.get("full", 0) / sum(answers.values()), step["candidates_scored"]
        refused = f"{step['refused_ms']['p99']:.1f}" if step["refused_ms"] else ""
        lines.append(
            f"| {step['share_of_capacity']:.0%} | {step['offered_per_s']:.0f} | {step['goodput_per_s']:.0f} | "
            f"{step['cpu_ms']:.2f} | {step['kept']:.1%} | {step['refused']:.1%} | {step['late']:.1%} | {full:.1%} | "
            f"{scored:.0f} | {times['p50']:.1f} | {times['p99']:.1f} | {refused} |"
        )
    return "\n".join(lines)


def _given(given: Given) -> str:
    return "\n".join([
        f"- {given.peak_per_s:,} feeds/s at the peak, and {given.evenness:.0%} of that in a day's mean",
        f"- {given.regions} regions, of which {given.lost} may be lost",
        f"- {given.users:,} users and {given.videos:,} videos, all of them known in every region",
        f"- cores and Redis shards {given.busy:.0%} busy at the peak",
        f"- {given.item_state_gib:g} GiB of item states a machine, {given.shard_gib} GiB a Redis shard",
        f"- {given.core_hour:g} a core-hour and {given.gib_hour:g} a GiB-hour, in whatever currency these are",
    ])  # fmt: skip


TEXT = """# Capacity

Written by `make bench-serve` (`tests/bench/capacity.py`) from the run whose figures are in
`.flywheel/bench/serve.json`. What was measured and what was extrapolated stand in different columns.

Measured on {cores} cores of {cpu}, Python {python}: one worker, {videos:,} videos and {users:,} users in
Redis, {candidates_scored} candidates scored on {features} features by {trees} trees of depth {depth}, re-ranked to a
page of 20 and logged; JSON over HTTP keep-alive on loopback, open loop with Poisson arrivals, latency from the intended
start; {requests:,} requests at {half:.0f}/s for cost and latency. CPU is that of all of the service's processes with
its background work; Redis stands apart. The empty loop says how fast the machine was just then: on a shared one what
all of this costs rises and falls with it.
{noted}
| | measured | extrapolated |
|---|---|---|
{table}

Extrapolated from:

{given}

and calculated so:

- feeds a region = peak / (regions − lost regions): each carries its share with the others gone
- cores = feeds a region × CPU of a feed / share busy, in each region
- memory of the service = cores × memory of a worker + machines × item states
- shards = the larger of feeds a region × Redis CPU of a feed / share busy, and Redis memory / memory of a shard
- cost of a million feeds = regions × ((cores + shards) × price of a core-hour + GiB × price of a GiB-hour) / million
  feeds an hour

What is left out: the network, replicas of Redis, the balancer, and everything that trains.

## Goodput against offered load

Good is a valid page within 180 ms of the intended start, refused a 429 with Retry-After, late what came after that or
never. `full` is the share answered from scored candidates, `scored` how many candidates those had: beyond capacity work
is shed first, requests last. CPU is the service's for one request, whatever it got. Latency is that of all but the
refused, who have the last column.

| of a core | offered/s | good/s | CPU ms | good | refused | late | full | scored | p50 ms | p99 ms | refused p99 ms |
|---|---|---|---|---|---|---|---|---|---|---|---|
{steps}
"""
