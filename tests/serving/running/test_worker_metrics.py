"""What workers tell together is theirs alone."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Histogram, generate_latest

from serving import metrics
from serving.running import worker_metrics
from tests.serving.caller import Client

ROOT = Path(__file__).parents[3]


def test_the_trial_of_a_release_leaves_no_gauge_among_the_workers(
    world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It runs in a child that answers nobody: `flywheel_quality` would be told as its nought."""
    shared = tmp_path / "shared"
    shared.mkdir()
    for name in (worker_metrics.FOLDER, "PROMETHEUS_MULTIPROC_DIR"):
        monkeypatch.setenv(name, str(shared))
    world.release("1")
    world.promote("1")
    with Client(world) as client:
        assert client.feed()["served_by"] == "full"
    assert not list(shared.iterdir())


@pytest.mark.parametrize("first", ["feast", "serving.metrics"])
def test_metrics_are_counted_whether_feast_was_loaded_before_or_not(tmp_path: Path, first: str) -> None:
    """Feast tells the Prometheus client to write into a folder of its own."""
    program = tmp_path / "program.py"
    text = f"""
    import {first}
    import feast
    from serving import metrics
    metrics.FAILURES.labels("redis", "slow").inc()
    print(metrics.REGISTRY.get_sample_value("flywheel_failures_total", {{"dependency": "redis", "why": "slow"}}))
    """
    program.write_text(textwrap.dedent(text))
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    env.pop("PROMETHEUS_MULTIPROC_DIR", None)
    done = subprocess.run([sys.executable, program], env=env, capture_output=True, text=True, check=False)
    assert done.stdout.split()[-1:] == ["1.0"], done.stderr


def test_times_that_are_written_together_are_what_each_would_have_told() -> None:
    def histogram() -> tuple[CollectorRegistry, Histogram]:
        registry = CollectorRegistry()
        return registry, Histogram("flywheel_seconds", "how long", ["of"], registry=registry, buckets=(0.001, 0.01))

    (one_by_one, one_by_one_times), (together, together_times) = histogram(), histogram()
    times = metrics.Times(together_times.labels("a stage"))
    for _ in range(2):
        for seconds in (0.0005, 0.001, 0.0011, 0.01, 0.5, 0.0):
            one_by_one_times.labels("a stage").observe(seconds)
            times.observe(seconds)
        metrics.Tally.flush()

    def figures(registry: CollectorRegistry) -> list[str]:
        return [line for line in generate_latest(registry).decode().splitlines() if "_created" not in line]

    assert figures(together) == figures(one_by_one)
    assert 'flywheel_seconds_count{of="a stage"} 12.0' in figures(together)
