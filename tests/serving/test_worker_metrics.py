"""What workers tell together is theirs alone."""

from pathlib import Path
from typing import Any

import pytest

from serving import worker_metrics
from tests.serving.caller import Client


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
