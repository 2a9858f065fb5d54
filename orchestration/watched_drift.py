"""What a day's serving log says by feature and slice, as alarms and as lines of the report."""

from collections.abc import Iterator
from typing import Any

from monitoring.definition import Watch
from monitoring.diagnosis import unseen
from monitoring.slices import ALL, SCORE, SlicedDrift, measure
from orchestration.diagnosing import reference_of, slices_of
from orchestration.observed import Observed
from orchestration.system import Installation

LEAST_UNSEEN = 0.01


def sliced_drift(installation: Installation, watch: Watch, live: str | None, observed: Observed | None) -> SlicedDrift:
    """What the live release served against what it was judged on; empty where it served too little."""
    if live is None or observed is None:
        return SlicedDrift((), {})
    rows, served = observed.served_by_release(live)
    if len(rows) < watch.min_drift_rows:
        return SlicedDrift((), {})
    scores = observed.logged_scores(installation, live)[rows]
    users = observed.users(installation)[rows]
    slices = slices_of(installation, observed, rows)
    return measure(reference_of(installation, live), served, scores, slices, watch, users)


def alarms_of_drift(drift: SlicedDrift, watch: Watch) -> Iterator[tuple[str, str]]:
    """Alarm → what it says, of the drift of a day."""
    if null := [cell for cell in drift.moved if cell.nulls]:
        yield "nulls", "; ".join(cell.says() for cell in null[:3])
    if moved := [cell for cell in drift.moved if cell.moved and not cell.nulls and cell.column in watch.critical]:
        yield "drift", "; ".join(cell.says() for cell in moved[:3])
    if scores := [cell for cell in drift.moved if cell.column == SCORE]:
        yield "scores", scores[0].says()
    if words := unseen(drift, LEAST_UNSEEN):
        yield "unseen", f"training never saw {', '.join(words)}"


def drift_lines(drift: SlicedDrift, watch: Watch) -> list[dict[str, Any]]:
    """One line for each feature and slice, all rows first, then the largest PSI."""
    ordered = sorted(drift.cells, key=lambda cell: (cell.where != ALL, -cell.psi))
    return [
        {"feature": c.column, "slice": c.where, "psi": round(c.psi, 4),
         "limit": max(watch.max_psi, round(c.by_chance, 4)), "null_before": round(c.null_before, 4),
         "null_now": round(c.null_now, 4), "moved": c.moved or c.nulls}
        for c in ordered
    ]  # fmt: skip


def null_shares(drift: SlicedDrift) -> dict[str, float]:
    """Feature → the share of rows in which it was served as null."""
    return {c.column: round(c.null_now, 4) for c in drift.cells if c.where == ALL and c.column != SCORE}
