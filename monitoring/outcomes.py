"""Outcomes: live NDCG and AUC on matured labels, by release and rung, beside the figures the release promised."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from infra.errors import DefinitionError
from infra.statistics import auc
from monitoring.definition import Watch
from training.objectives import ndcg
from validation.contract import unknown

OutcomeFinding = Literal["auc drop", "as promised", "nothing promised", "not enough rows"]
COLUMNS = ("label", "group", "release", "served_by")


@dataclass(frozen=True, slots=True)
class ReleaseOutcome:
    """The figures of one release, or of one rung of it; `promised_*` are None where nothing was recorded."""

    release: str
    served_by: str
    rows: int
    groups: int
    auc: float
    auc_error: float
    ndcg: float
    promised_auc: float | None
    promised_ndcg: float | None
    finding: OutcomeFinding

    @property
    def drop(self) -> float:
        """Promised AUC minus live AUC; NaN where either is unknown."""
        return float("nan") if self.promised_auc is None else self.promised_auc - self.auc


@dataclass(frozen=True, slots=True)
class OutcomeReport:
    """The parts of a window: each release as a whole (`served_by` is all), then its rungs."""

    parts: tuple[ReleaseOutcome, ...]
    limit: float
    min_rows: int
    top: int

    def of(self, release: str) -> ReleaseOutcome | None:
        """The release as a whole, None when it served nothing in the window."""
        return next((p for p in self.parts if p.release == release and p.served_by == "all"), None)

    def reason(self, release: str) -> str:
        """The finding about a release, in one sentence."""
        part = self.of(release)
        if part is None:
            return f"release {release} served nothing that has matured"
        if part.finding == "not enough rows":
            return f"not enough rows: {part.rows:,} matured, {self.min_rows:,} of both classes needed"
        if part.finding == "nothing promised":
            return f"live AUC {part.auc:.4f}, nothing recorded with the release to compare it with"
        return f"live AUC {part.auc:.4f} ± {part.auc_error:.4f} against {part.promised_auc:.4f}, limit {self.limit}"

    def records(self) -> list[dict[str, str | float | int | None]]:
        """One record a part, for tables in an interface."""
        return [
            {"release": p.release, "served by": p.served_by, "rows": p.rows, "groups": p.groups, "auc": p.auc,
             "promised auc": p.promised_auc, "ndcg": p.ndcg, "promised ndcg": p.promised_ndcg, "finding": p.finding}
            for p in self.parts
        ]  # fmt: skip

    def facts(self) -> dict[str, str | float | int]:
        """The numbers that Dagster draws as charts, of every release that served."""
        releases = [p for p in self.parts if p.served_by == "all"]
        figures = {
            f"{n} {p.release}": v for p in releases for n, v in (("rows", p.rows), ("auc", p.auc), ("ndcg", p.ndcg))
        }
        return {name: value for name, value in figures.items() if np.isfinite(value)}

    def markdown(self) -> str:
        """The report as a Markdown table."""
        head = f"| release | served by | rows | AUC | promised | NDCG@{self.top} | promised | |"
        lines = [head, "|-|-|-:|-:|-:|-:|-:|-|"]
        for p in self.parts:
            figures = (_shown(p.auc), _shown(p.promised_auc), _shown(p.ndcg), _shown(p.promised_ndcg))
            lines.append(f"| {p.release} | {p.served_by} | {p.rows:,} | {' | '.join(figures)} | {p.finding} |")
        return "\n".join(lines)


def measure(frame: pd.DataFrame, promised: Mapping[str, Mapping[str, float]], watch: Watch, top: int) -> OutcomeReport:
    """The live figures of a window's shown rows, whose labels have matured.

    frame     one row an impression: label (0 or 1), group (one feed answer), release, served_by, and score or position;
              optionally grade, which NDCG then uses instead of the label
    promised  release → figures recorded with it: auc, ndcg_at_10 (with `top` 10)
    top       how many first places NDCG looks at: the task's `top`

    Rows without a score were not ranked by a model: they count only in parts without any score, by their position.
    """
    for name in COLUMNS:
        if name not in frame.columns:
            raise DefinitionError(f"outcomes: column {unknown(name, map(str, frame.columns))}")
    filled = frame.assign(release=frame["release"].fillna("none"), served_by=frame["served_by"].fillna("unknown"))
    parts = []
    for release, rows in filled.groupby("release", sort=True):
        figures = promised.get(str(release), {})
        by_rung = [("all", rows), *((str(rung), part) for rung, part in rows.groupby("served_by", sort=True))]
        parts += [_part(str(release), rung, part, figures, watch, top) for rung, part in by_rung]
    return OutcomeReport(tuple(parts), watch.max_auc_drop, watch.min_outcome_rows, top)


def _part(
    release: str, served_by: str, frame: pd.DataFrame, promised: Mapping[str, float], watch: Watch, top: int
) -> ReleaseOutcome:
    rows, score = _ranked(frame)
    label = rows["label"].to_numpy()
    grade = rows["grade"].to_numpy() if "grade" in rows else label
    live_auc = auc(label, score)
    error = auc_error(live_auc, int((label > 0).sum()), int((label <= 0).sum()))
    promised_auc, promised_ndcg = promised.get("auc"), promised.get(f"ndcg_at_{top}")
    groups = pd.factorize(rows["group"])[0]
    per_group = ndcg(groups, grade, score, top, int(groups.max(initial=-1)) + 1)
    mean_ndcg = float(np.nanmean(per_group)) if np.isfinite(per_group).any() else float("nan")
    finding = _finding(len(rows), live_auc, error, promised_auc, watch)
    return ReleaseOutcome(
        release,
        served_by,
        len(rows),
        len(np.unique(groups)),
        live_auc,
        error,
        mean_ndcg,
        promised_auc,
        promised_ndcg,
        finding,
    )


def auc_error(area: float, positives: int, negatives: int) -> float:
    """Standard error of an AUC (Hanley and McNeil 1982); NaN without both classes."""
    if not positives or not negatives:
        return float("nan")
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    spread = area * (1 - area) + (positives - 1) * (q1 - area**2) + (negatives - 1) * (q2 - area**2)
    return float(np.sqrt(spread / (positives * negatives)))


def _ranked(frame: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray[tuple[int], np.dtype[np.float64]]]:
    """The rows with a score, and their scores; where no row has one, the rows with a position, and that as score."""
    for name, sign in (("score", 1.0), ("position", -1.0)):
        if name in frame.columns:
            values = frame[name].to_numpy(dtype=np.float64, na_value=np.nan)
            finite = np.isfinite(values)
            if finite.any():
                return frame[finite], sign * values[finite]
    return frame.iloc[:0], np.empty(0)


def _finding(rows: int, live: float, error: float, promised: float | None, watch: Watch) -> OutcomeFinding:
    if rows < watch.min_outcome_rows or not np.isfinite(live):
        return "not enough rows"
    if promised is None:
        return "nothing promised"
    drop = promised - live
    return "auc drop" if drop > watch.max_auc_drop and drop > watch.auc_drop_errors * error else "as promised"


def _shown(value: float | None) -> str:
    return "" if value is None or not np.isfinite(value) else f"{value:.4f}"
