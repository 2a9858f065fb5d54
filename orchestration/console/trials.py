"""The release on trial: its stage from the registry, and what monitoring measured of it."""

from collections.abc import Sequence
from typing import Any

import msgspec
from markupsafe import Markup

from orchestration.console.charts import Interval, intervals, limits
from orchestration.console.reports import read_report
from orchestration.console.words import figure, read_moment
from orchestration.system import Installation
from training.registry import Stage, Trial

ORDER = (Stage.SHADOW, Stage.CANARY_5, Stage.CANARY_25, Stage.CANARY_50, Stage.CHAMPION)


class Finding(msgspec.Struct, frozen=True):
    """A measure of both variants, and the difference with its interval."""

    measure: str
    slice: str = ""
    part: str = ""
    trial: float | None = None
    control: float | None = None
    value: float | None = None
    low: float | None = None
    high: float | None = None
    at_most: float | None = None
    relative: bool = False
    state: str = ""
    says: str = ""


class Look(msgspec.Struct, frozen=True):
    """The goal as it stood at one look."""

    at: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    share: float | None = None
    does: str = ""


class Measured(msgspec.Struct, frozen=True):
    """What the experiment says."""

    at: str | None = None
    release: str = ""
    does: str = ""
    reason: str = ""
    askers: tuple[int, ...] = ()
    sample_ratio: float | None = None
    goal: Finding | None = None
    findings: tuple[Finding, ...] = ()
    looks: tuple[Look, ...] = ()
    shadow: dict[str, Any] | None = None

    @property
    def plot(self) -> "Plot | None":
        """The goal's interval over time."""
        return plot(self.looks, self.goal.measure if self.goal else "the goal")


class Plot(msgspec.Struct, frozen=True):
    """A drawn interval over time, with the words beside it."""

    drawn: Markup
    top: str
    bottom: str
    first: str
    last: str
    says: str


def trial(installation: Installation) -> Trial | None:
    """The release on trial; None where there is none."""
    return installation.registry.trial()


def report(installation: Installation) -> Measured:
    """What monitoring says of the running experiment; raises Unavailable where it has said nothing."""
    return read_report(
        installation.settings.reports / "trial.json", Measured, "no experiment has been measured yet: the sensor of "
        "trials measures one once askers are drawn for it",
    )  # fmt: skip


def plot(looks: Sequence[Look], measure: str) -> Plot | None:
    """The interval of a difference at each look; None where no look had one."""
    points = [
        Interval(at.timestamp(), look.low, look.value, look.high)
        for look in looks
        if (at := read_moment(look.at)) and look.value is not None and look.low is not None and look.high is not None
    ]
    if not points:
        return None
    last, (low, high) = points[-1], limits(points, 0.0)
    sure = "surely better" if last.low > 0 else "surely worse" if last.high < 0 else "the interval holds no difference"
    says = (
        f"{measure}: difference of the challenger to the champion over {len(points)} looks, last "
        f"{last.mid:+.4g} between {last.low:+.4g} and {last.high:+.4g}: {sure}"
    )
    first, newest = (f"{read_moment(point.at):%b %d, %H:%M}" for point in (points[0], last))
    return Plot(intervals(points, says), f"{high:+.3g}", f"{low:+.3g}", first, newest, says)


def next_stage(trial: Trial) -> str:
    """The stage that the trial is advanced to."""
    return str(ORDER[ORDER.index(trial.stage) + 1])


def interval_words(finding: Finding) -> str:
    """The difference of a finding with its interval."""
    if finding.value is None:
        return "–"
    unit, by = (" %", 100.0) if finding.relative else ("", 1.0)
    if finding.low is None or finding.high is None:
        return f"{figure(finding.value * by, 3)}{unit}"
    return f"{finding.value * by:+.3g}{unit} [{finding.low * by:+.3g}, {finding.high * by:+.3g}]"
