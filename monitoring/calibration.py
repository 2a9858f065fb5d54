"""Whether what a release predicts happens as often as it says: by slice, on rows whose outcomes are known."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from infra.arrays import AnyArray
from infra.statistics import clustered_error
from monitoring.definition import Watch
from monitoring.slices import ALL, parts_of
from training.objectives import Objective


@dataclass(frozen=True, slots=True)
class Calibration:
    """One slice: the mean prediction, the mean of what happened, and its standard error against the prediction."""

    where: str
    rows: int
    predicted: float
    happened: float
    error: float
    off: bool

    def says(self) -> str:
        """The finding in a sentence."""
        return f"{self.where}: {self.happened:.4f} ± {self.error:.4f} happened, {self.predicted:.4f} was predicted"


def measure(
    frame: pd.DataFrame, slices: Mapping[str, AnyArray], watch: Watch, objective: Objective
) -> list[Calibration]:
    """All rows, and each slice; nothing for scores that are no chances.

    frame  of decisions with a known outcome: label, score, optionally cluster and weight
    Where predictions are right, anything at all is called off with a probability of at most `max_false_alarms`.
    """
    scores = frame["score"].to_numpy(dtype=np.float64)
    scored = np.isfinite(scores)
    if objective.link != "logit" or not objective.calibration or not scored.any():
        return []
    if scores[scored].min() < 0 or scores[scored].max() > 1:
        return []
    from scipy.stats import norm

    parts = {ALL: np.arange(len(frame)), **parts_of(slices)}
    large = {name: rows for name, rows in ((n, r[scored[r]]) for n, r in parts.items()) if _enough(frame, rows, watch)}
    errors = float(norm.isf(watch.max_false_alarms / max(1, 2 * len(large))))
    return [_of(name, frame.iloc[rows], watch, errors) for name, rows in large.items()]


def _enough(frame: pd.DataFrame, rows: AnyArray, watch: Watch) -> bool:
    return len(rows) >= watch.min_drift_rows and float(frame["label"].to_numpy()[rows].sum()) >= watch.min_slice_users


def _of(name: str, rows: pd.DataFrame, watch: Watch, errors: float) -> Calibration:
    label, score = rows["label"].to_numpy(dtype=np.float64), rows["score"].to_numpy(dtype=np.float64)
    weight = rows["weight"].to_numpy(dtype=np.float64) if "weight" in rows else np.ones(len(rows))
    weight = weight / weight.mean()
    clusters = pd.factorize(rows["cluster"])[0] if "cluster" in rows else np.arange(len(rows))
    happened, predicted = float((weight * label).mean()), float((weight * score).mean())
    error = float(clustered_error(weight * (label - score), clusters))
    times = happened / predicted if predicted else float("inf")
    far = not 1 / watch.max_calibration <= times <= watch.max_calibration
    return Calibration(name, len(rows), predicted, happened, error, far and abs(happened - predicted) > errors * error)
