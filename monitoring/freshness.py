"""Skew of freshness: how old the states were that served rows read, against those the live release was trained on."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

import numpy as np

from infra.arrays import Float64s, Int64s
from infra.freshness import MICROS, Freshness
from monitoring.definition import PLAIN, Watch

FreshnessFinding = Literal["stale", "as trained", "not enough rows"]


@dataclass(frozen=True, slots=True)
class ViewLag:
    """One view: how long its oldest publication that was not yet online had waited when a row was served, in seconds.

    waited  the share of rows for which any waited
    median, p90  over all rows, 0 where nothing waited
    staler  the share of rows for which one waited too long that the live release would have been trained on
    """

    name: str
    waited: float
    median: float
    p90: float
    staler: float


@dataclass(frozen=True, slots=True)
class FreshnessReport:
    """Every view. With few rows the finding may be that serving is stale, but not that it is as trained."""

    rows: int
    min_rows: int
    trained: Freshness
    max_staler: timedelta
    max_stale_share: float
    views: tuple[ViewLag, ...]

    @property
    def stale(self) -> tuple[ViewLag, ...]:
        """The views of which too many rows read too old states, the worst first."""
        stale = [view for view in self.views if view.staler > self.max_stale_share]
        return tuple(sorted(stale, key=lambda view: -view.staler))

    @property
    def finding(self) -> FreshnessFinding:
        """Stale as soon as one view is."""
        if self.stale:
            return "stale"
        return "as trained" if self.rows >= self.min_rows else "not enough rows"

    def reason(self) -> str:
        """The finding in one sentence."""
        if self.stale:
            worst = self.stale[0]
            return (
                f"{len(self.stale)} view(s) served staler than trained with, the worst {worst.name}: more than "
                f"{self.max_staler} staler in {worst.staler:.0%} of {self.rows:,} rows (half of them lacked what was "
                f"published {timedelta(seconds=round(worst.median))} before). Trained with: {self.trained}. Let "
                "`flywheel stream` run, or train again: training takes the freshness that was measured"
            )
        if self.finding == "not enough rows":
            return f"not enough rows: {self.rows:,} served, {self.min_rows:,} needed"
        return f"all {len(self.views)} views as fresh in {self.rows:,} rows as those trained with: {self.trained}"

    def facts(self) -> dict[str, str | float | int]:
        """The numbers that Dagster draws as charts."""
        return {
            "finding": self.finding,
            "rows": self.rows,
            "stale views": len(self.stale),
            "largest median lag (s)": max((view.median for view in self.views), default=0.0),
            "trained with": str(self.trained),
        }

    def markdown(self) -> str:
        """The report as a Markdown table."""
        lines = [
            f"**{self.finding}**: {self.reason()}",
            "",
            "| view | rows in which a publication waited | median wait | 90 of 100 below | staler than trained with |",
            "|-|-:|-:|-:|-:|",
        ]
        for v in self.views:
            median, p90 = (timedelta(seconds=round(seconds)) for seconds in (v.median, v.p90))
            lines.append(f"| {v.name} | {v.waited:.1%} | {median} | {p90} | {v.staler:.1%} |")
        return "\n".join(lines)


def measure(
    at: Int64s, until: Int64s, published: Mapping[str, Int64s], trained: Freshness, watch: Watch = PLAIN
) -> FreshnessReport:
    """Compare what was online when rows were served with what the live release was trained on.

    at         (rows,) when each row was served      until  (rows,) up to which publications were online then
    published  view → the moments of its publications, rising; all in microseconds since the epoch
    """
    expected = trained.reached(at)
    longest = watch.max_staler / timedelta(seconds=1)
    views = []
    for name, moments in published.items():
        waits = waiting(until, at, moments)
        staler = waiting(until, expected, moments) > longest
        median, p90 = np.quantile(waits, [0.5, 0.9]) if len(at) else (0.0, 0.0)
        shares = [float(part.mean()) if len(at) else 0.0 for part in (waits > 0, staler)]
        views.append(ViewLag(name, shares[0], float(median), float(p90), shares[1]))
    return FreshnessReport(len(at), watch.min_skew_rows, trained, watch.max_staler, watch.max_stale_share, tuple(views))


def waiting(until: Int64s, by: Int64s, published: Int64s) -> Float64s:
    """(rows,) seconds by which the oldest publication after `until` lies before `by`; 0 where there is none."""
    place = np.searchsorted(published, until, side="right")
    oldest = np.append(published, np.iinfo(np.int64).max)[place]
    seconds: Float64s = np.where(oldest <= by, (by - oldest) / MICROS, 0.0)
    return seconds
