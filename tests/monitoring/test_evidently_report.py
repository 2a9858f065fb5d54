"""The page people look at: it is written from any window, and decides nothing."""

import json
from pathlib import Path

import numpy as np
import pytest

from feature_repo.systems.home_feed import HOME_FEED_FEATURES
from monitoring import drift, evidently_report
from monitoring.definition import PLAIN, Watch
from monitoring.reference import Reference
from monitoring.systems.home_feed import HOME_FEED_WATCH


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
        Watch(critical=(), report_rows=1_000, max_psi=0.35),
    )
    page = path.read_text()
    assert "<html" in page
    found = json.loads(path.with_suffix(".json").read_text())["metrics"]
    psi = {m["config"]["column"]: m["value"] for m in found if "column" in m["config"]}
    assert set(psi) == {"moved", "constant", "steady", "score"}
    assert psi["moved"] > 0.35 > psi["steady"]
    limits = {m["config"]["threshold"] for m in found if "column" in m["config"]}
    assert limits == {0.35}, "the limit that the watch decides by"
    assert list(path.parent.glob(".*")) == []


def test_the_feed_watches_features_it_has() -> None:
    names = tuple(f.name for f in HOME_FEED_FEATURES.features)
    matrix = np.random.default_rng(0).normal(size=(2_000, len(names))).astype(np.float32)
    report = drift.measure(Reference.of(matrix, names), matrix, names, None, HOME_FEED_WATCH)
    assert {m.name for m in report.columns if m.critical} == set(HOME_FEED_WATCH.critical)


@pytest.mark.parametrize("known", [0, 1, 2, 3, 9_999])
def test_a_column_known_in_a_few_rows_does_not_cost_the_page(tmp_path: Path, known: int) -> None:
    rng = np.random.default_rng(0)
    before, now = (rng.normal(size=(rows, 2)).astype(np.float32) for rows in (5_000, 10_000))
    now[rng.choice(10_000, 10_000 - known, replace=False), 1] = np.nan
    frames = [evidently_report.frame(matrix, ("steady", "rare")) for matrix in (before, now)]
    page = evidently_report.write(frames[0], frames[1], tmp_path / "day.html", Watch(critical=(), report_rows=500))
    drawn = {m["config"].get("column") for m in json.loads(page.with_suffix(".json").read_text())["metrics"]}
    assert "steady" in drawn
    assert ("rare" in drawn) is (known == 9_999)  # a sample of 500 holds none or one of three


def test_the_page_opens_with_what_moved_and_what_was_decided(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    before, now = (rng.normal(size=(2_000, 3)).astype(np.float32) for _ in range(2))
    now[:, 1] += 3
    now[:, 2] = np.nan
    names = ("steady", "moved<b>", "lost")
    watch = Watch(critical=("moved<b>",), report_rows=500)
    report = drift.measure(Reference.of(before, names), now, names, None, watch)
    frames = [evidently_report.frame(matrix, names) for matrix in (before, now)]
    told = "drift in 1 of the last 1 measured windows: nothing follows."
    html = evidently_report.write(*frames, tmp_path / "day.html", watch, report=report, decision=told).read_text()
    opening = html[html.index("<body>") : html.index("as Evidently draws them")]
    assert "<h1>Drift</h1>" in opening
    assert told in opening
    psi = {m.name: m.psi for m in report.columns}
    assert f"{psi['moved<b>']:.3f}</td>" in opening
    assert "moved&lt;b&gt;" in opening
    assert "<td>steady</td>" not in opening
    assert "too few known values: lost" in opening


def test_a_page_that_evidently_cannot_draw_still_tells_what_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise ZeroDivisionError("odd data")

    monkeypatch.setattr(evidently_report, "_run", fails)
    matrix = np.random.default_rng(0).normal(size=(2_000, 1)).astype(np.float32)
    report = drift.measure(Reference.of(matrix, ("x",)), matrix + 9, ("x",), None, Watch(critical=("x",)))
    frame = evidently_report.frame(matrix, ("x",))
    html = evidently_report.write(frame, frame, tmp_path / "day.html", PLAIN, report=report).read_text()
    assert "<h1>Drift</h1>" in html
    assert "ZeroDivisionError: odd data" in html
