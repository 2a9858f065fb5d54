"""Outcomes: the live merit on matured labels, by release and rung, beside what the release promised."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
import pandas as pd

from infra.arrays import AnyArray
from infra.errors import DefinitionError
from infra.statistics import auc, clustered_error
from monitoring.definition import Watch
from training.objectives import Judged, Objective, acted_on, role_numbers
from validation.contract import unknown

OutcomeFinding = Literal["merit drop", "as promised", "nothing promised", "not enough rows", "censored"]
AS_OFTEN = 0.9
"""Outcomes of acted rows have to be known at least this often, against those of rows that were let be."""
LEAST_BY_LOT = 10
"""Where a lot stands for what else is unknown, it has to have drawn so many rows that were acted on."""
SIDE = 1.96  # standard errors to each side of the recorded 95 % interval
COLUMNS = ("label", "unit", "release", "served_by")


@dataclass(frozen=True, slots=True)
class Promise:
    """The merit recorded with a release, None where none was, and its own standard error: it was measured, too."""

    merit: float | None
    error: float

    @classmethod
    def of(cls, figures: Mapping[str, float], merit: str) -> "Promise":
        """The promise among the figures of a release; without an interval it counts as exact."""
        low, high = (figures.get(f"{merit}_{end}", float("nan")) for end in ("low", "high"))
        error = (high - low) / (2 * SIDE)
        return cls(figures.get(merit), error if np.isfinite(error) else 0.0)


@dataclass(frozen=True, slots=True)
class ReleaseOutcome:
    """The figures of one release, or of one rung of it; `promised` is None where nothing was recorded.

    `error` is the standard error of live merit less promised merit.
    """

    release: str
    served_by: str
    rows: int
    units: int
    merit: float
    error: float
    promised: float | None
    auc: float
    finding: OutcomeFinding

    @property
    def drop(self) -> float:
        """Promised merit minus live merit; NaN where either is unknown."""
        return float("nan") if self.promised is None else self.promised - self.merit


@dataclass(frozen=True, slots=True)
class OutcomeReport:
    """The parts of a window: each release as a whole (`served_by` is all), then its rungs."""

    parts: tuple[ReleaseOutcome, ...]
    merit: str
    limit: float
    min_rows: int

    def of(self, release: str) -> ReleaseOutcome | None:
        """The release as a whole, None when it served nothing in the window."""
        return next((p for p in self.parts if p.release == release and p.served_by == "all"), None)

    def reason(self, release: str) -> str:
        """The finding about a release, in one sentence."""
        part = self.of(release)
        if part is None:
            return f"release {release} served nothing that has matured"
        if part.finding == "not enough rows":
            return (
                f"not enough rows: {part.rows:,} matured, {self.min_rows:,} with both outcomes needed, and "
                f"{LEAST_BY_LOT} by lot of those acted on where a lot says what became of them"
            )
        live = f"live {self.merit} {part.merit:.4f}"
        if part.finding == "nothing promised":
            return f"{live}, nothing recorded with the release to compare it with"
        if part.finding == "censored":
            return f"{live} of rows whose outcome is known, which are fewer where {release} acted: nothing is concluded"
        return f"{live} ± {part.error:.4f} against {part.promised:.4f}, limit {self.limit}"

    def records(self) -> list[dict[str, str | float | int | None]]:
        """One record a part, for tables in an interface."""
        return [
            {"release": p.release, "served by": p.served_by, "rows": p.rows, "units": p.units, self.merit: p.merit,
             "promised": p.promised, "auc": p.auc, "finding": p.finding}
            for p in self.parts
        ]  # fmt: skip

    def facts(self) -> dict[str, str | float | int]:
        """The numbers that Dagster draws as charts, of every release that served."""
        releases = [p for p in self.parts if p.served_by == "all"]
        figures = {
            f"{name} {p.release}": value
            for p in releases
            for name, value in (("rows", p.rows), (self.merit, p.merit), ("auc", p.auc))
        }
        return {name: value for name, value in figures.items() if np.isfinite(value)}

    def markdown(self) -> str:
        """The report as a Markdown table."""
        lines = [f"| release | served by | rows | {self.merit} | promised | AUC | |", "|-|-|-:|-:|-:|-:|-|"]
        for p in self.parts:
            figures = " | ".join(_shown(value) for value in (p.merit, p.promised, p.auc))
            lines.append(f"| {p.release} | {p.served_by} | {p.rows:,} | {figures} | {p.finding} |")
        return "\n".join(lines)


def measure(
    frame: pd.DataFrame,
    promised: Mapping[str, Mapping[str, float]],
    watch: Watch,
    objective: Objective,
    points: Mapping[str, float | None] = MappingProxyType({}),
) -> OutcomeReport:
    """The live figures of a window's decisions, whose labels have matured.

    frame     one row a decision: label (what happened), unit (what is decided at once), release, served_by, and score
              or position; a column for each role of the objective, such as gain, and optionally cluster, weight (for
              how many rows it stands), known (whether its outcome is: others are measured in nothing) and by_lot
              (whether a lot drew it, or could have: what is known of those drawn stands for the others)
    promised  release → figures recorded with it, the merit among them
    points    release → the score from which it acts, where it acts

    Rows without a score were not decided by a model: they count only in parts without any score, by their position.
    Where acting itself hides the outcome, as blocking a payment does, the rows that are left say nothing of what the
    release saves: a part in which fewer outcomes are known of what was acted on is `censored`, and no evidence. Rows
    that a lot draws from are known by those that it drew, once these are enough to say anything.
    """
    for name in COLUMNS:
        if name not in frame.columns:
            raise DefinitionError(f"outcomes: column {unknown(name, map(str, frame.columns))}")
    filled = frame.assign(release=frame["release"].fillna("none"), served_by=frame["served_by"].fillna("unknown"))
    parts = []
    for release, rows in filled.groupby("release", sort=True):
        figures, point = promised.get(str(release), {}), points.get(str(release))
        by_rung = [("all", rows), *((str(rung), part) for rung, part in rows.groupby("served_by", sort=True))]
        parts += [
            _part(str(release), rung, part, Promise.of(figures, objective.merit), watch, objective, point)
            for rung, part in by_rung
        ]
    return OutcomeReport(tuple(parts), objective.merit, watch.max_merit_drop, watch.min_outcome_rows)


def _part(
    release: str, served_by: str, frame: pd.DataFrame, promise: Promise, watch: Watch, objective: Objective,
    point: float | None,
) -> ReleaseOutcome:  # fmt: skip
    rows, score = _decided(frame)
    hidden, few_by_lot = _hidden(rows, score, objective, point)
    if "known" in rows:
        known_rows = rows["known"].to_numpy(dtype=bool)
        rows, score = rows[known_rows], score[known_rows]
    judged = judged_of(rows, objective)
    merits = objective.merits(judged, score, point)
    known = np.isfinite(merits)
    merit = float(merits[known].mean()) if known.any() else float("nan")
    error = float(np.hypot(clustered_error(merits, judged.owner), promise.error))
    promised = promise.merit
    happened = objective.happened(judged)
    tells = (
        not few_by_lot
        and len(rows) >= watch.min_outcome_rows
        and np.isfinite(merit)
        and bool(happened.any() and not happened.all())
    )
    finding = _finding(merit, error, promised, watch) if tells else "not enough rows"
    if hidden and finding in {"merit drop", "as promised"}:
        finding = "censored"
    units = len(np.unique(judged.unit))
    return ReleaseOutcome(release, served_by, len(rows), units, merit, error, promised, auc(happened, score), finding)


def judged_of(rows: pd.DataFrame, objective: Objective) -> Judged:
    """Decisions with their outcomes, as an objective judges them; where no gain is known, the label is it."""
    unit = pd.factorize(rows["unit"])[0]
    cluster = pd.factorize(rows["cluster"])[0] if "cluster" in rows else unit
    label = rows["label"].to_numpy(dtype=np.float64)
    columns = {role: role_numbers(objective, role, rows[role].to_numpy()) for role in objective.roles if role in rows}
    weight = rows["weight"].to_numpy(dtype=np.float32) if "weight" in rows else None
    units, clusters = (int(codes.max(initial=-1)) + 1 for codes in (unit, cluster))
    return Judged(units, clusters, unit, cluster, label, {"gain": label, **columns}, weight)


def _decided(frame: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray[tuple[int], np.dtype[np.float64]]]:
    """The rows with a score, and their scores; where no row has one, the rows with a position, and that as score."""
    for name, sign in (("score", 1.0), ("position", -1.0)):
        if name in frame.columns:
            values = frame[name].to_numpy(dtype=np.float64, na_value=np.nan)
            finite = np.isfinite(values)
            if finite.any():
                return frame[finite], sign * values[finite]
    return frame.iloc[:0], np.empty(0)


def _hidden(rows: pd.DataFrame, score: AnyArray, objective: Objective, point: float | None) -> tuple[bool, bool]:
    """Whether outcomes are known less often of the rows that were acted on, and whether too few of those by lot are.

    A row that a lot could have drawn is as good as known: the rows that it drew have its weight.
    """
    acted = acted_on(objective, score, point)
    if acted is None or "known" not in rows or not acted.any() or acted.all():
        return False, False
    known = rows["known"].to_numpy(dtype=bool)
    by_lot = rows["by_lot"].to_numpy(dtype=bool) if "by_lot" in rows else np.zeros(len(rows), dtype=bool)
    represented = known | by_lot
    unknown_rows = acted & ~known
    few = bool((unknown_rows & by_lot).any() and (acted & known & by_lot).sum() < LEAST_BY_LOT)
    return bool(represented[acted].mean() < AS_OFTEN * represented[~acted].mean()), few


def _finding(live: float, error: float, promised: float | None, watch: Watch) -> OutcomeFinding:
    if promised is None:
        return "nothing promised"
    drop = promised - live
    return "merit drop" if drop > watch.max_merit_drop and drop > watch.merit_drop_errors * error else "as promised"


def _shown(value: float | None) -> str:
    return "" if value is None or not np.isfinite(value) else f"{value:.4f}"
