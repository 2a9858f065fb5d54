"""The figures of a run as tables for people."""

from typing import Any

from rich.console import Console
from rich.table import Table

from tests.bench.capacity import lacking

PERCENTILES = ("p50", "p95", "p99", "p99.9", "max")


def show(figures: dict[str, Any]) -> None:
    """Print what was found."""
    out = Console(width=130)
    out.print(_latencies(figures))
    out.print(_goodput(figures["goodput"]))
    feed, naive = figures["feed"], figures["naive"]
    knee = figures["goodput"]["knee_share"]
    out.print(
        f"feed {feed['cpu_ms']:.2f} ms CPU a request ({feed['candidates_scored']:.0f} candidates scored), naive stack "
        f"{naive['cpu_ms']:.0f} ms: {figures['naive_over_feed']:.0f} times as much. One core answers "
        f"{figures['capacity_per_s']:.0f} requests/s; all that is offered is answered in time up to "
        f"{f'{knee:.0%} of that' if knee else 'no load that was tried'}."
    )
    if "cases" in figures:
        one, obvious = figures["cases"]["decide"], figures["cases"]["naive"]
        out.print(
            f"one decided case {one['cpu_ms']:.2f} ms CPU, the obvious stack {obvious['cpu_ms']:.0f} ms: "
            f"{figures['cases']['naive_over_decide']:.0f} times as much."
        )
    loop = figures["yardstick"]
    out.print(
        f"The machine at the time: an empty loop took {loop['fastest_ms']:.2f} ms at its fastest and "
        f"{loop['rested_ms']:.2f} ms after a rest such as a worker has between requests."
    )
    out.print("ms by stage: " + " · ".join(f"{name} {ms:.2f}" for name, ms in feed["stages_ms"].items()))
    for line in lacking(figures):
        out.print(f"[bold]noted[/] {line}")
    worker = max(figures["memory_mib"], key=lambda process: process["rss"])
    out.print(
        f"ready in {figures['ready_s']:.1f} s ({figures['ready_cpu_s']:.1f} s CPU), its worker in "
        f"{figures['worker_s']:.1f}; "
        f"the worker holds {worker['rss']} MiB, {worker['own']} of them its own; "
        f"the background costs {figures['background_cpu_ms_per_s']:.0f} ms CPU a second."
    )


def _latencies(figures: dict[str, Any]) -> Table:
    table = Table("", "requests/s", "CPU ms", "Redis CPU ms", *PERCENTILES, title="cost and latency (ms)")
    rows = {"feed, half load": "feed", "rank 100": "rank_100", "rank 300": "rank_300", "lowest rung": "lowest_rung"}
    for name, key in (rows | {"naive stack": "naive"}).items():
        row = figures[key]
        times = [f"{row['latency_ms'][level]:.1f}" for level in PERCENTILES]
        table.add_row(name, f"{row['offered_per_s']:.0f}", f"{row['cpu_ms']:.2f}", f"{row['redis_cpu_ms']:.2f}", *times)
    return table


def _goodput(goodput: dict[str, Any]) -> Table:
    table = Table("offered/s", "of a core", "good/s", "kept", "p50", "p99", "scored", "answers", title="goodput")
    for step in goodput["steps"]:
        answers = " ".join(f"{word}:{count}" for word, count in sorted(step["answers"].items()))
        table.add_row(
            f"{step['offered_per_s']:.0f}", f"{step['share_of_capacity']:.0%}", f"{step['goodput_per_s']:.0f}",
            f"{step['kept']:.1%}", f"{step['latency_ms']['p50']:.1f}", f"{step['latency_ms']['p99']:.1f}",
            f"{step['candidates_scored']:.0f}", answers,
        )  # fmt: skip
    return table
