"""Drift of the inputs: the population stability index (PSI) of each feature and of the scores against a reference."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from infra.arrays import AnyArray
from infra.errors import DefinitionError, ReleaseMismatch
from monitoring.definition import Watch
from monitoring.reference import Distribution, Reference
from validation.contract import unknown

FLOOR = 1e-4  # the share of an empty bin, because ln 0 is no number: as if it had one row in ten thousand
DriftFinding = Literal["drift", "steady", "not enough rows"]


def psi(reference: NDArray[np.float64], now: NDArray[np.float64]) -> float:
    """Σ (now − reference) · ln(now / reference) over bins; both are shares that sum to 1."""
    before, after = np.maximum(reference, FLOOR), np.maximum(now, FLOOR)
    return float(np.sum((after - before) * np.log(after / before)))


@dataclass(frozen=True, slots=True)
class ColumnDrift:
    """One column's PSI; a `critical` column above the limit is evidence for a retraining, another one is only shown."""

    name: str
    psi: float
    null_before: float
    null_now: float
    critical: bool
    flagged: bool


@dataclass(frozen=True, slots=True)
class DriftReport:
    """One window compared with its reference; without enough rows no column is flagged and the finding says so."""

    reference: str
    rows_before: int
    rows: int
    min_rows: int
    limit: float
    columns: tuple[ColumnDrift, ...]

    @property
    def enough(self) -> bool:
        """Whether both windows have rows enough for a PSI to mean something."""
        return min(self.rows_before, self.rows) >= self.min_rows

    @property
    def flagged(self) -> tuple[str, ...]:
        """Every column above the limit, critical or not, the worst first."""
        return tuple(m.name for m in self.worst_first() if m.flagged)

    @property
    def finding(self) -> DriftFinding:
        """Drift when a critical feature or the scores are above the limit."""
        if not self.enough:
            return "not enough rows"
        return "drift" if any(m.flagged and m.critical for m in self.columns) else "steady"

    def worst_first(self) -> list[ColumnDrift]:
        """The columns by falling PSI."""
        return sorted(self.columns, key=lambda m: -m.psi)

    def reason(self) -> str:
        """The finding in one sentence."""
        if not self.enough:
            return (
                f"not enough rows: {self.rows:,} now and {self.rows_before:,} before, {self.min_rows:,} needed of each"
            )
        over = [f"{m.name} {m.psi:.3f}" for m in self.worst_first() if m.flagged and m.critical]
        return f"PSI above {self.limit}: {', '.join(over)}" if over else f"no critical column above PSI {self.limit}"

    def records(self) -> list[dict[str, str | float | bool]]:
        """One record a column, the worst first, for tables in an interface."""
        return [
            {"column": m.name, "psi": round(m.psi, 4), "null before": round(m.null_before, 4),
             "null now": round(m.null_now, 4), "critical": m.critical, "flagged": m.flagged}
            for m in self.worst_first()
        ]  # fmt: skip

    def facts(self) -> dict[str, str | float | int]:
        """The numbers that Dagster draws as charts."""
        worst = max((m.psi for m in self.columns), default=0.0)
        return {
            "finding": self.finding,
            "rows": self.rows,
            "flagged": len(self.flagged),
            "largest psi": round(worst, 4),
        }

    def markdown(self) -> str:
        """The report as a Markdown table."""
        lines = [
            f"**{self.finding}**: {self.reason()}",
            "",
            "| column | PSI | null before | null now | |",
            "|-|-:|-:|-:|-|",
        ]
        for m in self.worst_first():
            mark = ("**drift**" if m.critical else "moved, not critical") if m.flagged else ""
            lines.append(f"| {m.name} | {m.psi:.4f} | {m.null_before:.2%} | {m.null_now:.2%} | {mark} |")
        return "\n".join(lines)


def measure(
    reference: Reference, matrix: AnyArray, names: Sequence[str], scores: AnyArray | None, watch: Watch
) -> DriftReport:
    """How far the (rows, features) matrix and its scores lie from the reference."""
    if tuple(names) != reference.names:
        raise ReleaseMismatch(_different(reference.names, names))
    for name in watch.critical:
        if name not in reference.names:
            raise DefinitionError(f"watch: critical feature {unknown(name, reference.names)}")
    enough = min(reference.rows, len(matrix)) >= watch.min_drift_rows
    columns = [
        _moved(distribution, matrix[:, i], watch.max_psi, distribution.name in watch.critical, enough)
        for i, distribution in enumerate(reference.features)
    ]
    if reference.scores is not None and scores is not None:
        columns.append(_moved(reference.scores, scores, watch.max_psi, True, enough))
    return DriftReport(
        reference.digest(), reference.rows, len(matrix), watch.min_drift_rows, watch.max_psi, tuple(columns)
    )


def _moved(distribution: Distribution, values: AnyArray, limit: float, critical: bool, enough: bool) -> ColumnDrift:
    before, now = np.array(distribution.shares), distribution.shares_of(values)
    shift = psi(before, now) if len(values) else 0.0
    return ColumnDrift(distribution.name, shift, float(before[-1]), float(now[-1]), critical, enough and shift > limit)


def _different(before: Sequence[str], now: Sequence[str]) -> str:
    missing, added = sorted(set(before) - set(now)), sorted(set(now) - set(before))
    difference = f"missing now: {missing}, new: {added}" if missing or added else "the same names in another order"
    return (
        f"drift: the reference has {len(before)} features, the window {len(now)} ({difference}). "
        "Compare with the reference of the live release."
    )
