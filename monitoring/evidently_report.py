"""The drift page people look at, drawn by Evidently. It decides nothing: `drift` does, from the same rows."""

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from validation.whole import whole

MAX_PSI = 0.2


def write(
    before: pd.DataFrame, now: pd.DataFrame, path: Path, *, rows: int = 10_000, seed: int = 0, max_psi: float = MAX_PSI
) -> Path:
    """Write the HTML page that shows how each numeric column moved, and Evidently's own figures beside it as JSON.

    At most `rows` of each frame are drawn: the page's cost grows with them, its shape does not. Evidently bins both
    windows together and drops nulls, so its figures differ from the ones that decide. A column without two known
    values is left out.
    """
    columns = [c for c in now.columns if c in before.columns and _drawable(before[c]) and _drawable(now[c])]
    drawn = [_sample(frame[columns], rows, seed) for frame in (before, now)]
    snapshot = _run(drawn[0], drawn[1], columns, max_psi)
    with whole(path) as draft:
        snapshot.save_html(str(draft))
    path.with_suffix(".json").write_text(json.dumps(json.loads(snapshot.json()), indent=1))
    return path


def frame(
    matrix: np.ndarray[Any, Any], names: tuple[str, ...], scores: np.ndarray[Any, Any] | None = None
) -> pd.DataFrame:
    """A (rows, features) matrix and its scores as the frame `write` takes."""
    made = pd.DataFrame(matrix, columns=list(names))
    return made if scores is None else made.assign(score=scores)


def _run(before: pd.DataFrame, now: pd.DataFrame, columns: list[str], max_psi: float) -> Any:
    from evidently import DataDefinition, Dataset, Report
    from evidently.metrics import DatasetMissingValueCount, RowCount, ValueDrift

    metrics = [ValueDrift(column=c, method="psi", threshold=max_psi) for c in columns]
    definition = DataDefinition(numerical_columns=columns)
    report = Report([RowCount(), DatasetMissingValueCount(), *metrics], include_tests=True)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # correlations of constant columns, which say nothing about the data
        return report.run(
            Dataset.from_pandas(now, data_definition=definition),
            Dataset.from_pandas(before, data_definition=definition),
        )


def _sample(frame: pd.DataFrame, rows: int, seed: int) -> pd.DataFrame:
    drawn = frame.sample(rows, random_state=seed) if len(frame) > rows else frame
    return drawn.astype(np.float64).replace([np.inf, -np.inf], np.nan).reset_index(drop=True)


def _drawable(column: "pd.Series[Any]") -> bool:
    """Whether Evidently can draw a column: it fails on one that is all null."""
    return bool(pd.api.types.is_numeric_dtype(column) and np.isfinite(column.astype(np.float64)).sum() >= 2)
