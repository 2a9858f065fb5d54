"""The live merit of a release in each slice, beside what it measured there when it was judged."""

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from infra.arrays import AnyArray
from monitoring import outcomes
from monitoring.definition import Watch
from monitoring.outcomes import SIDE, ReleaseOutcome
from monitoring.reference import Reference
from monitoring.slices import parts_of
from training.objectives import Objective

SMALLER = 4
"""A slice needs a part of the rows that a whole window needs."""


def measure(
    frame: pd.DataFrame, slices: Mapping[str, AnyArray], release: str, reference: Reference, watch: Watch,
    objective: Objective, point: float | None = None,
) -> dict[str, ReleaseOutcome]:  # fmt: skip
    """Slice → the outcome of a release there; only slices that it was judged on.

    Where nothing changed, any slice at all is called a drop with a probability of at most `max_false_alarms`.
    """
    from scipy.stats import t

    promised = {part.name: part for part in reference.slices if part.merit is not None}
    parts = {name: rows for name, rows in parts_of(slices).items() if name in promised}
    errors = max(
        watch.merit_drop_errors, float(t.isf(watch.max_false_alarms / max(1, len(parts)), watch.min_slice_users - 1))
    )
    strict = replace(watch, merit_drop_errors=errors, min_outcome_rows=max(1, watch.min_outcome_rows // SMALLER))
    outcome_by_slice = {}
    for name, rows in parts.items():
        merit, error = promised[name].merit or 0.0, promised[name].error
        figures = {
            objective.merit: merit,
            f"{objective.merit}_low": merit - SIDE * error,
            f"{objective.merit}_high": merit + SIDE * error,
        }
        report = outcomes.measure(frame.iloc[rows], {release: figures}, strict, objective, {release: point})
        if part := report.of(release):
            outcome_by_slice[name] = part
    return outcome_by_slice
