"""A release that acts from a score on goes live only on a verdict of which caps were asked."""

from dataclasses import replace
from pathlib import Path

import pytest
from shop import AT, FEATURES, TASK

from infra.errors import NotProven
from infra.release_format import Popular
from training.fitting import Trained
from training.registry.registry import Registry
from training.release.build import build_release
from training.release.report import LoggedRun
from training.rows import Dataset
from validation.verdict import Verdict


def test_a_release_that_acts_does_not_go_live_on_the_verdict_on_an_order(
    registry: Registry, logged: LoggedRun, shop: Dataset, trained: Trained, verdict: Verdict, tmp_path: Path
) -> None:
    acting, folder = replace(trained, points={trained.winner: 0.5}), tmp_path / "r"
    lists = Popular([], {}, [], {})
    built = build_release(folder, acting, shop, FEATURES, TASK, lists, b"{}", version="1", created_at=AT)
    version = registry.register(folder, logged, Verdict(verdict.findings, built.digest))
    with pytest.raises(NotProven, match="acts"):
        registry.promote(version, who="ada", why="better", at=AT)
