"""The page people look at: it is written from any window, and decides nothing."""

import json
from pathlib import Path

import numpy as np

from feature_repo.home_feed import HOME_FEED
from monitoring import drift, evidently_report
from monitoring.home_feed import HOME_FEED_WATCH
from monitoring.reference import Reference


def test_the_page_and_its_figures_are_written_also_with_columns_that_say_nothing(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    before, now = (rng.normal(size=(1_500, 4)).astype(np.float32) for _ in range(2))
    for matrix in (before, now):
        matrix[:, 1] = 1.0
        matrix[:, 2] = np.nan
    now[:, 0] += 2
    now[3, 3] = np.inf
    names = ("moved", "constant", "empty", "steady")
    path = evidently_report.write(
        evidently_report.frame(before, names, before[:, 3]),
        evidently_report.frame(now, names, now[:, 3]),
        tmp_path / "reports" / "drift.html",
        rows=1_000,
    )
    page = path.read_text()
    assert "<html" in page
    found = json.loads(path.with_suffix(".json").read_text())["metrics"]
    psi = {m["config"]["column"]: m["value"] for m in found if "column" in m["config"]}
    assert set(psi) == {"moved", "constant", "steady", "score"}
    assert psi["moved"] > 0.2 > psi["steady"]
    assert list(path.parent.glob(".*")) == []


def test_the_feed_watches_features_it_has() -> None:
    names = tuple(f.name for f in HOME_FEED.features)
    matrix = np.random.default_rng(0).normal(size=(2_000, len(names))).astype(np.float32)
    report = drift.measure(Reference.of(matrix, names), matrix, names, None, HOME_FEED_WATCH)
    assert {m.name for m in report.columns if m.critical} == set(HOME_FEED_WATCH.critical)
