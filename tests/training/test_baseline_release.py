"""A baseline that nothing beats goes live like a model: registered, promoted, proven and scored by what serves."""

from pathlib import Path

import numpy as np
from shop import AT, FEATURES, LIMITS, TASK, served, wares

from infra.manifest import read_manifest
from infra.settings import Settings
from serving.model.trial import prove
from training.fitting import as_served, popular_lists
from training.fitting.train import Trained
from training.judging import TrainingRun, judge
from training.registry.registry import Registry
from training.release import build as release
from training.release import report
from training.rows.dataset import Dataset


def test_rows_in_which_no_model_is_better_end_with_a_baseline_that_is_live_and_serves(
    home: Settings, registry: Registry, shuffled: Dataset, learned_nothing: Trained, tmp_path: Path
) -> None:
    rows, trained = shuffled, learned_nothing
    told, folder, version = (
        report.log_report(home, trained, rows, TASK, AT),
        tmp_path / "release",
        registry.next_version(),
    )
    popular = popular_lists.build_popular_lists(rows.frame, wares(), TASK.fallback_lists, AT)
    release.build_release(folder, trained, rows, FEATURES, TASK, popular, b"{}", version=version, created_at=AT)
    verdict = judge.judge_candidate(TrainingRun(trained, rows, TASK, FEATURES), LIMITS, folder, replay=served)

    version = registry.register(folder, told, verdict)
    registry.promote(version, who="tests", why="the simplest that nothing beats", at=AT)

    assert registry.live() == version
    live = registry.folder(version)
    assert read_manifest(live).ranker == "popularity"
    manifest, scorer = prove(live)
    seen = np.ascontiguousarray(as_served(rows.matrix[:50], rows, TASK))
    assert manifest.kind == "column"
    assert np.array_equal(scorer.score(seen), seen[:, rows.features.index("rate")])
    page = (told.folder / "report.md").read_text()
    assert "Winner: popularity (popularity is released as the simplest that nothing beats: " in page
