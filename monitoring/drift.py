"""Drift of the inputs: the population stability index (PSI) of each feature and of the scores against a reference."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from infra.arrays import AnyArray
from infra.errors import DefinitionError, ReleaseMismatch
from monitoring.chance import Users, psi
from monitoring.definition import Watch
from monitoring.reference import Distribution, Reference, codes_of, shares_of
from validation.contract import unknown

DriftFinding = Literal["drift", "steady", "not enough rows", "not enough users"]


@dataclass(frozen=True, slots=True)
class ColumnDrift:
    """One column's PSI; a `critical` column that moved is evidence for a retraining, another one is only shown.

    `by_chance` is the largest PSI that chance explains; 0 where the PSI is below the limit anyway.
    """

    name: str
    psi: float
    by_chance: float
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
    users_before: int
    users: int
    min_users: int
    limit: float
    columns: tuple[ColumnDrift, ...]

    @property
    def enough(self) -> bool:
        """Whether both windows have rows and users enough for a PSI to mean something."""
        return self._enough_rows and self._enough_users

    @property
    def _enough_rows(self) -> bool:
        return min(self.rows_before, self.rows) >= self.min_rows

    @property
    def _enough_users(self) -> bool:
        return min(self.users_before or self.users, self.users) >= self.min_users

    @property
    def flagged(self) -> tuple[str, ...]:
        """Every column above the limit, critical or not, the worst first."""
        return tuple(m.name for m in self.worst_first() if m.flagged)

    @property
    def finding(self) -> DriftFinding:
        """Drift when a critical feature or the scores moved."""
        if not self._enough_rows:
            return "not enough rows"
        if not self._enough_users:
            return "not enough users"
        return "drift" if any(m.flagged and m.critical for m in self.columns) else "steady"

    def clearly_below(self, share: float) -> bool:
        """Whether every critical column lies below this share of the limit, or below what chance makes of it."""
        critical = [m for m in self.columns if m.critical]
        return all(m.psi <= share * max(self.limit, m.by_chance) for m in critical)

    def worst_first(self) -> list[ColumnDrift]:
        """The columns by falling PSI."""
        return sorted(self.columns, key=lambda m: -m.psi)

    def reason(self) -> str:
        """The finding in one sentence."""
        if not self._enough_rows:
            return (
                f"not enough rows: {self.rows:,} now and {self.rows_before:,} before, {self.min_rows:,} needed of each"
            )
        if not self._enough_users:
            before = f"{self.users_before:,}" if self.users_before else "an unknown number"
            return (
                f"not enough users: {self.users:,} now and {before} before, {self.min_users:,} needed of each, "
                "because the rows of one user are alike"
            )
        critical = [m for m in self.worst_first() if m.critical and m.psi > self.limit]
        if over := [f"{m.name} {m.psi:.3f}" for m in critical if m.flagged]:
            return f"PSI above {self.limit}: {', '.join(over)}"
        if within := [f"{m.name} {m.psi:.3f} (chance {m.by_chance:.3f})" for m in critical]:
            return f"no critical column moved more than chance explains with {self.users:,} users: {', '.join(within)}"
        return f"no critical column above PSI {self.limit}"

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
            "users": self.users,
            "flagged": len(self.flagged),
            "critical flagged": sum(m.flagged and m.critical for m in self.columns),
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
            if self.enough and m.by_chance and not m.flagged:
                mark = f"by chance up to {m.by_chance:.3f}"
            lines.append(f"| {m.name} | {m.psi:.4f} | {m.null_before:.2%} | {m.null_now:.2%} | {mark} |")
        return "\n".join(lines)


def measure(
    reference: Reference,
    matrix: AnyArray,
    names: Sequence[str],
    scores: AnyArray | None,
    watch: Watch,
    users: AnyArray | None = None,
) -> DriftReport:
    """How far the (rows, features) matrix and its scores lie from the reference.

    users  (rows,) whose rows they are; None: each row is a user's only one
    """
    if tuple(names) != reference.names:
        raise ReleaseMismatch(_different(reference.names, names))
    for name in watch.critical:
        if name not in reference.names:
            raise DefinitionError(f"watch: critical feature {unknown(name, reference.names)}")
    compared = [(was, matrix[:, i], was.name in watch.critical) for i, was in enumerate(reference.features)]
    if reference.scores is not None and scores is not None:
        compared.append((reference.scores, scores, True))
    resampled = Users(codes_of(users, len(matrix)), reference.users)
    exceeded = watch.max_false_alarms / max(1, sum(critical for *_, critical in compared))
    report = DriftReport(
        reference.digest(), reference.rows, len(matrix), watch.min_drift_rows, reference.users, resampled.count,
        watch.min_drift_users, watch.max_psi, (),
    )  # fmt: skip
    limit = watch.max_psi if report.enough else math.inf
    return replace(
        report,
        columns=tuple(_moved(was, values, resampled, critical, limit, exceeded) for was, values, critical in compared),
    )


def _moved(
    was: Distribution, values: AnyArray, users: Users, critical: bool, limit: float, exceeded: float
) -> ColumnDrift:
    """One column; flagged where its PSI is above the limit and above what chance exceeds with this probability."""
    before, places = np.array(was.shares), was.places_of(values)
    now = shares_of(places, was.bins)
    shift = float(psi(before, now)) if len(values) else 0.0
    by_chance = users.largest_by_chance(before, places, exceeded) if shift > limit else 0.0
    return ColumnDrift(
        was.name, shift, by_chance, float(before[-1]), float(now[-1]), critical, shift > max(limit, by_chance)
    )


def _different(before: Sequence[str], now: Sequence[str]) -> str:
    missing, added = sorted(set(before) - set(now)), sorted(set(now) - set(before))
    difference = f"missing now: {missing}, new: {added}" if missing or added else "the same names in another order"
    return (
        f"drift: the reference has {len(before)} features, the window {len(now)} ({difference}). "
        "Compare with the reference of the live release."
    )
