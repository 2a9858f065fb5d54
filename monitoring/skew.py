"""Skew between serving and training: features and actions as served, compared with the same rows recomputed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from infra.arrays import AnyArray
from infra.errors import ReleaseMismatch
from monitoring.definition import PLAIN, Watch

ACTION = "action"
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
    """Every feature compared. With few rows the finding may be skew, but not that all is equal.

    required       the share of rows in which each feature has to be equal
    rows_exact     the share of rows in which all features are equal
    rows_required  how large that has to be: features that differ in rows of their own add up
    """

    rows: int
    min_rows: int
    required: float
    features: tuple[FeatureSkew, ...]
    rows_exact: float
    rows_required: float

    @property
    def skewed(self) -> tuple[str, ...]:
        """The features that differ in too many rows, the worst first."""
        return tuple(f.name for f in self.worst_first() if not f.passed)

    @property
    def rows_skewed(self) -> bool:
        """Whether some feature or other differs in too many rows."""
        return self.rows_exact < self.rows_required

    @property
    def finding(self) -> SkewFinding:
        """Skew as soon as one feature differs too often, or some feature in too many rows."""
        if self.skewed or self.rows_skewed:
            return "skew"
        return "equal" if self.rows >= self.min_rows else "not enough rows"

    @property
    def beyond_chance(self) -> bool:
        """Whether the worst feature, or any, differs in more rows than luck explains where as many differ as may.

        Where one row in a thousand may differ, one of 500 is no proof: a decision waits for more.
        """
        from scipy.stats import poisson

        worst = min((feature.exact for feature in self.features), default=1.0)
        equal = (worst, self.required), (self.rows_exact, self.rows_required)
        luck = (poisson.sf(round(self.rows * (1 - share)) - 1, self.rows * (1 - least)) for share, least in equal)
        return min(map(float, luck)) < CHANCE

    def clearly_equal(self, share: float) -> bool:
        """Whether each feature, and all of them, differ in at most this share of the rows in which they may."""
        least = min((feature.exact for feature in self.features), default=1.0)
        equal = (least, self.required), (self.rows_exact, self.rows_required)
        return all(1 - exact <= share * (1 - required) for exact, required in equal)

    def worst_first(self) -> list[FeatureSkew]:
        """The features by rising share of equal rows."""
        return sorted(self.features, key=lambda f: f.exact)

    def reason(self) -> str:
        """The finding in one sentence."""
        if self.skewed:
            worst = self.worst_first()[0]
            below = f"{len(self.skewed)} feature(s) below {self.required:.1%} equal rows"
            return f"{below}, the worst {worst.name} at {worst.exact:.2%}"
        if self.rows_skewed:
            return f"some feature differs in {1 - self.rows_exact:.2%} of the rows, {1 - self.rows_required:.2%} may"
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
            "rows equal in all features": round(self.rows_exact, 5),
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
    actions: tuple[AnyArray, AnyArray] | None = None,
) -> SkewReport:
    """Compare two (rows, features) matrices whose rows are the same decisions; `rows` names them in the examples.

    actions  (rows,) whether each row was acted on, and whether it would be by the recomputed features: compared like a
             feature called `action`, for a small difference before a threshold changes what is done
    """
    if served.shape != recomputed.shape or served.ndim != 2 or served.shape[1] != len(names):
        raise ReleaseMismatch(
            f"skew: served {served.shape} and recomputed {recomputed.shape} must both be (rows, {len(names)}). "
            "Recompute with the recipe of the release that served them."
        )
    if actions is not None:
        names = (*names, ACTION)
        served, recomputed = (np.column_stack([m, a]) for m, a in zip((served, recomputed), actions, strict=True))
    equal = np.isclose(served, recomputed, rtol=watch.relative_tolerance, atol=watch.absolute_tolerance, equal_nan=True)
    labels = [str(r) for r in rows] if rows is not None else [str(i) for i in range(len(served))]
    features = []
    for i, name in enumerate(names):
        exact = float(equal[:, i].mean()) if len(served) else 1.0
        worst = _worst(served[:, i], recomputed[:, i], equal[:, i], labels, examples)
        features.append(FeatureSkew(name, exact, exact >= watch.exact_share, worst))
    rows_exact = float(equal.all(axis=1).mean()) if len(served) else 1.0
    return SkewReport(
        len(served), watch.min_skew_rows, watch.exact_share, tuple(features), rows_exact, watch.exact_rows
    )


def _worst(
    served: AnyArray, recomputed: AnyArray, equal: NDArray[np.bool_], labels: Sequence[str], count: int
) -> tuple[Example, ...]:
    apart = np.flatnonzero(~equal)
    distance = np.nan_to_num(
        np.abs(served[apart] - recomputed[apart]), nan=np.inf
    )  # null against a number is the worst
    chosen = apart[np.argsort(-distance, kind="stable")[:count]]
    return tuple(Example(labels[i], float(served[i]), float(recomputed[i])) for i in chosen)
