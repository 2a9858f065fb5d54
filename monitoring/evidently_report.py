"""The drift page, drawn by Evidently for people. Decisions are made by `drift`, from the same rows."""

import json
import warnings
from html import escape
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from infra.atomic import atomic_write
from monitoring.definition import PLAIN, Watch
from monitoring.drift import DriftReport
from monitoring.drift_opening import BODY, with_opening


def write(
    before: pd.DataFrame, now: pd.DataFrame, path: Path, watch: Watch, *, seed: int = 0,
    report: DriftReport | None = None, decision: str = "",
) -> Path:  # fmt: skip
    """Write the HTML page that shows how each numeric column moved, and Evidently's own figures beside it as JSON.

    At most the watch's `report_rows` of each frame are drawn, to limit the page's cost. Columns are marked as drifted
    above the watch's `max_psi`. Evidently bins both windows together and drops nulls, so its figures differ from those
    in `report`, which decide; the page begins with these and with the `decision`. A column with fewer than two known
    values among the drawn rows of either frame is left out, and named. Where Evidently fails, the page has no drawings.
    """
    shared = [c for c in now.columns if c in before.columns and pd.api.types.is_numeric_dtype(now[c])]
    drawn = [_sample(frame[shared], watch.report_rows, seed) for frame in (before, now)]
    ordered = [m.name for m in report.worst_first() if m.name in shared] if report else shared
    columns = [c for c in ordered if all(_drawable(frame[c]) for frame in drawn)]
    html, figures = _drawn(drawn[0][columns], drawn[1][columns], columns, watch.max_psi)
    left_out = [c for c in shared if c not in columns]
    if report is not None:
        html = with_opening(html, report, decision, left_out)
    with atomic_write(path) as draft:
        draft.write_text(html)
    with atomic_write(path.with_suffix(".json")) as draft:
        draft.write_text(json.dumps(figures, indent=1))
    return path


def frame(
    matrix: np.ndarray[Any, Any], names: tuple[str, ...], scores: np.ndarray[Any, Any] | None = None
) -> pd.DataFrame:
    """A (rows, features) matrix and its scores as the frame `write` takes."""
    table = pd.DataFrame(matrix, columns=list(names))
    return table if scores is None else table.assign(score=scores)


def sample_as_parquet(frame: pd.DataFrame, rows: int = PLAIN.report_rows, seed: int = 0) -> bytes:
    """A sample of a frame's rows as Parquet, for a release to carry: the page draws it as `before`."""
    sink = BytesIO()
    _sample(frame, rows, seed).astype(np.float32).to_parquet(sink, index=False)
    return sink.getvalue()


def _drawn(before: pd.DataFrame, now: pd.DataFrame, columns: list[str], max_psi: float) -> tuple[str, Any]:
    """Evidently's page and figures. Nothing depends on them, so a failure to draw does not stop monitoring."""
    try:
        snapshot = _run(before, now, columns, max_psi)
        return str(snapshot.get_html_str(as_iframe=False)), json.loads(snapshot.json())
    except Exception as error:  # whatever a drawing library may raise about odd data
        reason = f"{type(error).__name__}: {error}"
        page = f"<!DOCTYPE html><html>{BODY}<p>Evidently could not draw: {escape(reason)}</p></body></html>"
        return page, {"error": reason}


def _run(before: pd.DataFrame, now: pd.DataFrame, columns: list[str], max_psi: float) -> Any:
    from evidently import DataDefinition, Dataset, Report
    from evidently.metrics import DatasetMissingValueCount, RowCount, ValueDrift

    metrics = [ValueDrift(column=c, method="psi", threshold=max_psi) for c in columns]
    definition = DataDefinition(numerical_columns=columns)
    report = Report([RowCount(), DatasetMissingValueCount(), *metrics], include_tests=True)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # about correlations of constant columns
        return report.run(
            Dataset.from_pandas(now, data_definition=definition),
            Dataset.from_pandas(before, data_definition=definition),
        )


def _sample(frame: pd.DataFrame, rows: int, seed: int) -> pd.DataFrame:
    drawn = frame.sample(rows, random_state=seed) if len(frame) > rows else frame
    return drawn.astype(np.float64).replace([np.inf, -np.inf], np.nan).reset_index(drop=True)


def _drawable(column: "pd.Series[Any]") -> bool:
    """Whether Evidently can draw a column of drawn rows: it fails on one without two known values."""
    return int(column.notna().sum()) >= 2
