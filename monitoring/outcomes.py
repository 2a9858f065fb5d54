"""Did it work: live NDCG and AUC on matured labels, by release and rung, beside what the release promised."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from infra.errors import DefinitionError
from infra.statistics import auc
from monitoring.definition import Watch
from training.measuring import ndcg
from validation.contract import unknown

OutcomeFinding = Literal["auc drop", "as promised", "nothing promised", "not enough rows"]
COLUMNS = ("label", "group", "release", "served_by")
SURE = 1.64  # standard errors that a drop has to exceed: 5 % of steady windows would show more by chance


@dataclass(frozen=True, slots=True)
class ReleaseOutcome:
    """What one release (and one rung of it) achieved; `promised_*` are None where nothing was recorded."""

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
    ndcg_at: int

    def of(self, release: str) -> ReleaseOutcome | None:
        """The release as a whole, None when it served nothing in the window."""
        return next((p for p in self.parts if p.release == release and p.served_by == "all"), None)

    def reason(self, release: str) -> str:
        """What the window says about a release, in one sentence."""
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
        """The numbers worth a chart, of every release that served."""
        whole = [p for p in self.parts if p.served_by == "all"]
        found = {f"{n} {p.release}": v for p in whole for n, v in (("rows", p.rows), ("auc", p.auc), ("ndcg", p.ndcg))}
        return {name: value for name, value in found.items() if np.isfinite(value)}

    def markdown(self) -> str:
        """The report as people read it."""
        head = f"| release | served by | rows | AUC | promised | NDCG@{self.ndcg_at} | promised | |"
        lines = [head, "|-|-|-:|-:|-:|-:|-:|-|"]
        for p in self.parts:
            figures = (_shown(p.auc), _shown(p.promised_auc), _shown(p.ndcg), _shown(p.promised_ndcg))
            lines.append(f"| {p.release} | {p.served_by} | {p.rows:,} | {' | '.join(figures)} | {p.finding} |")
        return "\n".join(lines)


def measure(frame: pd.DataFrame, promised: Mapping[str, Mapping[str, float]], watch: Watch) -> OutcomeReport:
    """What the shown rows of a window achieved once their labels had matured.

    frame     one row an impression: label (0 or 1), group (one feed answer), release, served_by, and score or position;
              optionally grade, which NDCG then uses instead of the label
    promised  release → figures recorded with it: auc, ndcg_at_10 (by `watch.ndcg_at`)

    Rows without a score were ranked by no model: they count only in parts that have no score at all, by their position.
    """
    for name in COLUMNS:
        if name not in frame.columns:
            raise DefinitionError(f"outcomes: column {unknown(name, map(str, frame.columns))}")
    known = frame.assign(release=frame["release"].fillna("none"), served_by=frame["served_by"].fillna("unknown"))
    parts = []
    for release, rows in known.groupby("release", sort=True):
        figures = promised.get(str(release), {})
        parts.append(_part(str(release), "all", rows, figures, watch))
        parts += [_part(str(release), str(rung), r, figures, watch) for rung, r in rows.groupby("served_by", sort=True)]
    return OutcomeReport(tuple(parts), watch.max_auc_drop, watch.min_outcome_rows, watch.ndcg_at)


def _part(
    release: str, served_by: str, frame: pd.DataFrame, promised: Mapping[str, float], watch: Watch
) -> ReleaseOutcome:
    rows, score = _ranked(frame)
    label = rows["label"].to_numpy()
    grade = rows["grade"].to_numpy() if "grade" in rows else label
    live = auc(label, score)
    error = auc_error(live, int((label > 0).sum()), int((label <= 0).sum()))
    auc_then, ndcg_then = promised.get("auc"), promised.get(f"ndcg_at_{watch.ndcg_at}")
    groups = pd.factorize(rows["group"])[0]
    per_group = ndcg(groups, grade, score, watch.ndcg_at, int(groups.max(initial=-1)) + 1)
    gain = float(np.nanmean(per_group)) if np.isfinite(per_group).any() else float("nan")
    finding = _finding(len(rows), live, error, auc_then, watch)
    return ReleaseOutcome(
        release, served_by, len(rows), len(np.unique(groups)), live, error, gain, auc_then, ndcg_then, finding
    )


def auc_error(area: float, positives: int, negatives: int) -> float:
    """Standard error of an AUC (Hanley and McNeil 1982); NaN without both classes."""
    if not positives or not negatives:
        return float("nan")
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    spread = area * (1 - area) + (positives - 1) * (q1 - area**2) + (negatives - 1) * (q2 - area**2)
    return float(np.sqrt(spread / (positives * negatives)))


def _ranked(frame: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray[tuple[int], np.dtype[np.float64]]]:
    """The rows that something ranked, and by what: their scores, or their places where nothing has a score."""
    for name, sign in (("score", 1.0), ("position", -1.0)):
        if name in frame.columns:
            values = frame[name].to_numpy(dtype=np.float64, na_value=np.nan)
            known = np.isfinite(values)
            if known.any():
                return frame[known], sign * values[known]
    return frame.iloc[:0], np.empty(0)


def _finding(rows: int, live: float, error: float, promised: float | None, watch: Watch) -> OutcomeFinding:
    if rows < watch.min_outcome_rows or not np.isfinite(live):
        return "not enough rows"
    if promised is None:
        return "nothing promised"
    dropped = promised - live
    return "auc drop" if dropped > watch.max_auc_drop and dropped > SURE * error else "as promised"


def _shown(value: float | None) -> str:
    return "" if value is None or not np.isfinite(value) else f"{value:.4f}"
