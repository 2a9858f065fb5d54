"""The end of the demo: one table, and summary.json with every figure."""

import resource
from pathlib import Path
from typing import Any

import msgspec

from orchestration.demo.diary import Diary
from orchestration.demo.origins import Origin
from orchestration.demo.scenes import contenders
from orchestration.demo_console import DemoConsole


def close(stage: DemoConsole, diary: Diary, events: Origin, path: Path) -> None:
    """Write summary.json and print the main figures."""
    learned = diary.learned
    summary: dict[str, Any] = {
        "source": diary.source,
        "seed": diary.seed,
        "days": [str(events.first), str(events.last)],
        "metrics": learned["training"]["metrics"],
        **{f"metrics_{target}": metrics for target, metrics in learned["training"]["also"].items()},
        **{name: value for name, value in learned.items() if name != "training"},
        "seconds": {**stage.seconds, "total": round(sum(stage.seconds.values()), 1)},
        "peak_memory_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }
    path.write_bytes(msgspec.json.format(msgspec.json.encode(summary, enc_hook=str)))
    stage.chapter("In short")
    stage.grid("Contenders", ("contender", "NDCG@10", "AUC", "GAUC", "log loss"), contenders(summary["metrics"]))
    stage.grid("", ("what", "figure"), _lines(summary))
    stage.out.print(f"\n{path} holds every figure. `flywheel up` shows the runs in Dagster and MLflow.")


def _lines(summary: dict[str, Any]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [("events received", f"{sum(t['received'] for t in summary['ledger'].values()):,}")]
    if "utility" in summary:
        worth = summary["utility"]
        rows.append(
            (
                "true utility of popular / ranked / oracle feeds",
                f"{worth['popular']:.3f} / {worth['ranked']:.3f} / {worth['oracle']:.3f}",
            )
        )
    rows += [
        ("gates", f"{sum(g['passed'] for g in summary['gates'])} of {len(summary['gates'])} passed"),
        ("latency of a feed, p50 / p95", f"{summary['latency_ms']['p50']} / {summary['latency_ms']['p95']} ms"),
        ("planted leak", "refused" if summary["leak"]["refused"] else "NOT refused"),
        ("feeds answered without Redis", f"{summary['redis_down']['answered']} of {summary['redis_down']['asked']}"),
        (
            "retrainings while steady / after the drift",
            f"{summary['drift']['retrainings_while_steady']} / {summary['drift']['retrainings_after_drift']}",
        ),
    ]
    if "rollback" in summary:
        rows.append(("releases", f"{len(summary['rollback']['history'])} moves, live is {summary['rollback']['to']}"))
    return [*rows, ("time", f"{summary['seconds']['total']:.0f} s")]
