"""What people get: measures of the product by day, whether they fall, and whether the merit falls with them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from monitoring.definition import BusinessMeasure, Per, Watch
from monitoring.usual import Usual, usual

PAUSE = pd.Timedelta(minutes=30)
"""After so long without a decision for them a person's next one begins another session."""
RETURN, DIVERSITY = "return", "diversity"


@dataclass(frozen=True, slots=True)
class BusinessFinding:
    """A measure of a day against the days before; `worse` where it lies outside of what is usual, on the bad side."""

    measure: str
    figure: Usual
    worse: bool

    def says(self) -> str:
        """The finding in a sentence."""
        of = self.figure
        return f"{self.measure} {of.value:.4g}, usual are {of.low:.4g} to {of.high:.4g}"


def counts(decisions: pd.DataFrame, person: str, unit: str, at: str) -> dict[Per, int]:
    """How many decisions, units, sessions and people a day has."""
    ordered = decisions[[person, at]].sort_values([person, at])
    again = ordered.groupby(person, sort=False)[at].diff()
    sessions = int((again.isna() | (again > PAUSE)).sum())
    return {
        "row": len(decisions), "unit": int(decisions[unit].nunique()), "session": sessions,
        "person": int(decisions[person].nunique()),
    }  # fmt: skip


def value_of(measure: BusinessMeasure, rows: pd.DataFrame, per: Mapping[Per, int]) -> float:
    """One measure of a day; NaN for a day without decisions.

    rows  those of its table
    """
    counted = rows.query(measure.where, engine="python") if measure.where and len(rows) else rows
    if measure.of:
        total = float(counted[measure.of].sum())
    elif measure.distinct:
        total = float(counted[measure.distinct].nunique())
    else:
        total = float(len(counted))
    return total / per[measure.per] if per[measure.per] else float("nan")


def findings(
    today: Mapping[str, float], before: Sequence[Mapping[str, float]], worse_below: Mapping[str, bool], watch: Watch
) -> list[BusinessFinding]:
    """Each measure of a day against the days before.

    worse_below  measure → whether less of it is worse
    Where nothing changed, any measure at all is called worse with a probability of at most `max_false_alarms`.
    """
    compared = []
    for name, below in worse_below.items():
        figure = usual(
            today.get(name, np.nan), [day.get(name, np.nan) for day in before],
            watch.max_false_alarms / max(1, len(worse_below)),
        )  # fmt: skip
        compared.append(BusinessFinding(name, figure, figure.below if below else figure.above))
    return compared


def goodhart(days: Sequence[tuple[bool | None, Sequence[str]]], watch: Watch) -> str:
    """Why the merit may be worth nothing, in a sentence; empty where product and merit go together.

    days  whether the merit was as promised (None: it was not measured), and the measures that were worse; oldest first
    """
    newest = [day for day in days if day[0] is not None][-watch.of_last :]
    apart = [worse for steady, worse in newest if steady and worse]
    if len(apart) < watch.confirm:
        return ""
    names = ", ".join(sorted({name for worse in apart for name in worse}))
    return f"merit is as promised while {names} got worse, in {len(apart)} of the last {len(newest)} measured days"
