"""The picture of the loop: true worth by hour of four policies, and which release answered."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from orchestration.demo.loop.accounts import LINES, Accounts

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HOURS = 6  # the bold line is the mean of so many hours, weighted by their pages
NAMES = {"popular": "popular", "frozen": "first release, frozen", "loop": "our loop", "oracle": "oracle"}
COLOURS = {"popular": "#8c8c8c", "frozen": "#c9772b", "loop": "#1f6fb2", "oracle": "#3f8f4f"}
SHADES = ("#9ec3e0", "#1f6fb2", "#5b4fa2", "#4fa295", "#a29a4f", "#0d3b66")
BAD, NONE = "#d9534f", "#cccccc"


def draw(accounts: Accounts, marks: Sequence[tuple[float, str]], path: Path, bad: str | None = None) -> None:
    """Write the picture; `marks` are moments in days of the loop, with a few words each, `bad` is the bad release."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 6.5), layout="constrained")
    worth, served = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    _worth(worth, accounts, marks)
    _served(served, accounts, bad)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def _worth(axes: "Axes", accounts: Accounts, marks: Sequence[tuple[float, str]]) -> None:
    by_hour = accounts.means("hour")
    day = 1 + (by_hour["hour"] + 0.5) / 24
    for line in (line for line in LINES if line in by_hour):
        axes.plot(day, by_hour[line], color=COLOURS[line], alpha=0.25, linewidth=0.8)
        axes.plot(day, smoothed(by_hour, line), color=COLOURS[line], linewidth=2.2, label=NAMES[line])
    for at, says in marks:
        axes.axvline(at, color="#555555", linewidth=0.9, linestyle="--")
        axes.annotate(says, (at, 1.0), xycoords=("data", "axes fraction"), xytext=(3, -4), textcoords="offset points",
                      rotation=90, va="top", ha="left", fontsize=8, color="#333333")  # fmt: skip
    axes.set(ylabel="true worth of a page", title="What pages were truly worth to their users", ylim=(0, None))
    axes.legend(loc="lower left", ncols=len(LINES))


def smoothed(by_hour: pd.DataFrame, line: str) -> pd.Series:
    """The mean over the hours around each, weighted by pages."""
    summed = (by_hour[line] * by_hour["pages"]).rolling(HOURS, center=True, min_periods=1).sum()
    return summed / by_hour["pages"].rolling(HOURS, center=True, min_periods=1).sum()


def _served(axes: "Axes", accounts: Accounts, bad: str | None) -> None:
    """Which release answered which share of the pages of each hour."""
    frame = accounts.frame.assign(release=lambda rows: rows["release"].fillna("none"))
    counts = frame.groupby(["hour", "release"]).size().unstack(fill_value=0)
    shares = counts.div(counts.sum(axis=1), axis=0)
    day = 1 + (shares.index.to_numpy() + 0.5) / 24
    labels = [f"release {name}" if name != "none" else "no release" for name in shares.columns]
    shades = iter(SHADES * len(labels))
    colours = [{bad: BAD, "none": NONE}.get(name) or next(shades) for name in shares.columns]
    axes.stackplot(day, *np.asarray(shares).T, labels=labels, colors=colours)
    axes.set(xlabel="day", ylabel="share of pages", ylim=(0, 1))
    axes.legend(loc="lower left", ncols=len(labels), fontsize=8)
