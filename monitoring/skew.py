"""Skew between serving and training: features as they were served, compared with the same rows recomputed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from infra.arrays import AnyArray
from infra.errors import ReleaseMismatch
from monitoring.definition import PLAIN, Watch

CHANCE = 1e-3  # a few dozen features are looked at a day
SkewFinding = Literal["skew", "equal", "not enough rows"]


@dataclass(frozen=True, slots=True)
class Example:
    """One value that differs: its row's name, as served, as recomputed."""

    row: str
    served: float
    recomputed: float


@dataclass(frozen=True, slots=True)
class FeatureSkew:
    """One feature: the share of rows in which served and recomputed are equal, and the rows that differ most."""

    name: str
    exact: float
    passed: bool
    worst: tuple[Example, ...]


@dataclass(frozen=True, slots=True)
class SkewReport:
    """Every feature compared. With few rows the finding may be skew, but not that all is equal."""

    rows: int
    min_rows: int
    required: float
    features: tuple[FeatureSkew, ...]

    @property
    def skewed(self) -> tuple[str, ...]:
        """The features that differ in too many rows, the worst first."""
        return tuple(f.name for f in self.worst_first() if not f.passed)

    @property
    def finding(self) -> SkewFinding:
        """Skew as soon as one feature differs too often."""
        if self.skewed:
            return "skew"
        return "equal" if self.rows >= self.min_rows else "not enough rows"

    @property
    def beyond_chance(self) -> bool:
        """Whether the worst feature differs in more rows than luck explains where as many differ as may.

        Where one row in a thousand may differ, one of 500 is no proof: a decision waits for more.
        """
        from scipy.stats import poisson

        may_differ = self.rows * (1 - self.required)
        differ = max((round(self.rows * (1 - feature.exact)) for feature in self.features), default=0)
        return float(poisson.sf(differ - 1, may_differ)) < CHANCE

    def worst_first(self) -> list[FeatureSkew]:
        """The features by rising share of equal rows."""
        return sorted(self.features, key=lambda f: f.exact)

    def reason(self) -> str:
        """The finding in one sentence."""
        if self.skewed:
            worst = self.worst_first()[0]
            below = f"{len(self.skewed)} feature(s) below {self.required:.1%} equal rows"
            return f"{below}, the worst {worst.name} at {worst.exact:.2%}"
        if self.finding == "not enough rows":
            return f"not enough rows: {self.rows:,} compared, {self.min_rows:,} needed"
        return f"all {len(self.features)} features equal in at least {self.required:.1%} of {self.rows:,} rows"

    def facts(self) -> dict[str, str | float | int]:
        """The numbers that Dagster draws as charts."""
        least = min((f.exact for f in self.features), default=1.0)
        return {
            "finding": self.finding,
            "rows": self.rows,
            "skewed": len(self.skewed),
            "smallest equal share": round(least, 5),
        }

    def records(self) -> list[dict[str, str | float | bool]]:
        """One record a feature, the worst first, for tables in an interface."""
        return [{"feature": f.name, "equal": round(f.exact, 5), "passed": f.passed} for f in self.worst_first()]

    def markdown(self) -> str:
        """The report as a Markdown table, with examples of rows that differ."""
        lines = [
            f"**{self.finding}**: {self.reason()}",
            "",
            "| feature | equal rows | worst: row, served, recomputed |",
            "|-|-:|-|",
        ]
        for f in self.worst_first():
            shown = "; ".join(f"{e.row}: {e.served:.6g}, {e.recomputed:.6g}" for e in f.worst)
            lines.append(f"| {f.name} | {f.exact:.3%} | {shown} |")
        return "\n".join(lines)


def measure(
    served: AnyArray,
    recomputed: AnyArray,
    names: Sequence[str],
    watch: Watch = PLAIN,
    *,
    rows: Sequence[object] | None = None,
    examples: int = 3,
) -> SkewReport:
    """Compare two (rows, features) matrices whose rows are the same impressions; `rows` names them in the examples."""
    if served.shape != recomputed.shape or served.ndim != 2 or served.shape[1] != len(names):
        raise ReleaseMismatch(
            f"skew: served {served.shape} and recomputed {recomputed.shape} must both be (rows, {len(names)}). "
            "Recompute with the recipe of the release that served them."
        )
    equal = np.isclose(served, recomputed, rtol=watch.relative_tolerance, atol=watch.absolute_tolerance, equal_nan=True)
    labels = [str(r) for r in rows] if rows is not None else [str(i) for i in range(len(served))]
    features = []
    for i, name in enumerate(names):
        exact = float(equal[:, i].mean()) if len(served) else 1.0
        worst = _worst(served[:, i], recomputed[:, i], equal[:, i], labels, examples)
        features.append(FeatureSkew(name, exact, exact >= watch.exact_share, worst))
    return SkewReport(len(served), watch.min_skew_rows, watch.exact_share, tuple(features))


def _worst(
    served: AnyArray, recomputed: AnyArray, equal: NDArray[np.bool_], labels: Sequence[str], count: int
) -> tuple[Example, ...]:
    apart = np.flatnonzero(~equal)
    distance = np.nan_to_num(
        np.abs(served[apart] - recomputed[apart]), nan=np.inf
    )  # null against a number is the worst
    chosen = apart[np.argsort(-distance, kind="stable")[:count]]
    return tuple(Example(labels[i], float(served[i]), float(recomputed[i])) for i in chosen)
