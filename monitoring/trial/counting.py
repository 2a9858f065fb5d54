"""What the askers of both variants have, counted from the log of decisions and from what followed them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from infra.arrays import AnyArray, Bools, Float64s, Int64s
from infra.statistics import Totals
from monitoring.trial.conditions import OWN, held_by, tops
from monitoring.trial.facts import ALL, Contrast
from monitoring.trial.rules import Measure, Tally, TrialRules
from validation.contract import Table

if TYPE_CHECKING:
    import pandas as pd  # slow to load, and commands that only read the definition need none

CHAMPION, CHALLENGER = "champion", "challenger"  # as serving/assignment.py calls them
USUAL, TIMES = 0.99, 4.0
"""An asker with more than four times the rows that 99 of 100 askers have at most counts as having so many."""


@dataclass(frozen=True, slots=True)
class Counted:
    """The contrasts of a step, the askers of the release on trial and of the champion, those in both, rows left out."""

    contrasts: tuple[Contrast, ...]
    askers: tuple[int, int]
    changed: int
    left_out: Mapping[str, int]


def count(
    log: "pd.DataFrame",
    followed: "Mapping[str, pd.DataFrame]",
    rules: TrialRules,
    table: Table,
    *,
    releases: tuple[str, str | None],
    entered: datetime,
    since: datetime,
    now: datetime,
) -> Counted:
    """Every measure of the rules by asker and variant, as known `now`.

    log       decisions from `rules.before` before `entered` on, with the columns that the rules look up
    followed  by table, the rows of what followed
    releases  the one on trial, and the champion
    Rows that came twice count once. Askers in both variants since `since` are left out, and so are rows without an
    asker or variant, of another variant, received after `now`, or dated after it.
    """
    rows, left_out = _usable(log, rules, table, entered, since, now)
    current = (rows[table.event_time] >= since).to_numpy(dtype=bool)
    rows[OWN] = rows[rules.variant].map({CHALLENGER: releases[0], CHAMPION: releases[1]})
    variants = rows[current].groupby(rules.asker, sort=False)[rules.variant].agg(["nunique", "first"])
    steady = variants[variants["nunique"] == 1]["first"]
    shown = _Rows(
        rows=rows,
        code=steady.index.get_indexer(rows.set_index(rules.asker).index),
        on_trial=(steady == CHALLENGER).to_numpy(dtype=bool),
        current=current,
        age=(now - rows[table.event_time]).to_numpy(),
    )
    tallies = _Tallies(shown, followed, rules, table, now)
    contrasts = [c for measure, by in dict.fromkeys(rules.measures) for c in tallies.contrasts(measure, by)]
    here = int(shown.on_trial.sum())
    return Counted(tuple(contrasts), (here, len(steady) - here), int((variants["nunique"] > 1).sum()), left_out)


def _usable(
    log: "pd.DataFrame", rules: TrialRules, table: Table, entered: datetime, since: datetime, now: datetime
) -> "tuple[pd.DataFrame, dict[str, int]]":
    """The rows that count, oldest first, and how many do not, by the reason; each for the first one that holds."""
    moment = log[table.event_time]
    current = moment >= since
    reasons = {
        "received later": log[table.received_time] > now,
        "dated ahead": moment > now,
        "of before": moment < entered - rules.before,
        "twice": log.duplicated([*table.key]),
        "without an asker": log[rules.asker].isna(),
        "without a variant": log[rules.variant].isna() & current,
        "of another variant": ~log[rules.variant].isin((CHAMPION, CHALLENGER)) & current,
        "of an earlier step": (moment >= entered) & ~current,
    }
    kept, left_out = np.ones(len(log), dtype=bool), {}
    for reason, holds in reasons.items():
        gone = kept & holds.to_numpy(dtype=bool)
        left_out[reason] = int(gone.sum())
        kept &= ~gone
    usable = log[kept].sort_values(table.event_time, kind="stable").reset_index(drop=True)
    return usable, {reason: rows for reason, rows in left_out.items() if rows}


@dataclass(frozen=True)
class _Rows:
    """Decisions: whose each is (−1: of nobody in the trial), whether it is of this step or of before the trial.

    on_trial  (askers,) who has the release on trial      age  how long ago each was
    """

    rows: "pd.DataFrame"
    code: Int64s
    on_trial: Bools
    current: Bools
    age: AnyArray


class _Tallies:
    """Counts by asker, over the same rows again and again."""

    def __init__(
        self, shown: _Rows, followed: "Mapping[str, pd.DataFrame]", rules: TrialRules, table: Table, now: datetime
    ) -> None:
        self._shown, self._followed, self._rules = shown, followed, rules
        self._received, self._now = table.received_time, now
        self._weights = {period: self._weight_of(shown.current == period) for period in (True, False)}
        self._tops = tops(rules, shown.rows[~shown.current])

    def contrasts(self, measure: Measure, by: str) -> list[Contrast]:
        """The measure of all askers, or of those of each value of a column."""
        above, below = self._counts(measure.above), self._counts(measure.below)
        if not by:
            return [self._contrast(measure, "", ALL, np.ones(len(above), dtype=bool), above, below)]
        column = self._shown.rows[by]
        value = column.astype(str).to_numpy(dtype=object, copy=True)  # a slice by a number or a flag has parts, too
        value[column.isna().to_numpy(dtype=bool)] = None
        parts = sorted({part for part in value[self._shown.current] if part is not None})
        return [self._contrast(measure, by, part, value == part, above, below) for part in parts]

    def _contrast(
        self, measure: Measure, by: str, part: str, inside: Bools, above: Float64s, below: Float64s
    ) -> Contrast:
        known = inside & (self._shown.age >= np.timedelta64(measure.known_after))
        sums = [self._sums(known, values, current=True) for values in (above, below)]
        sums += [self._sums(inside, values, current=False) for values in (above, below)]
        here, there = self._shown.on_trial, ~self._shown.on_trial
        if by:  # an asker of another part is no unit of this one
            present = sums[1] > 0
            here, there = here & present, there & present
        trial, control = (Totals(*(values[side] for values in sums)) for side in (here, there))
        return Contrast(measure.name, by, part, trial, control)

    def _counts(self, tally: Tally) -> Float64s:
        """(rows,) 1 where a decision counts."""
        rows = self._shown.rows
        counts = np.ones(len(rows), dtype=bool)
        for condition in tally.where:
            counts &= held_by(condition, rows, self._tops)
        if tally.by:
            counts &= self._has_followed(tally)
        if tally.each:
            counted = rows.loc[counts, tally.each]
            counts[np.flatnonzero(counts)[counted.duplicated().to_numpy()]] = False
        return counts.astype(np.float64)

    def _has_followed(self, tally: Tally) -> Bools:
        """(rows,) whether a row of that table satisfies one of the conditions."""
        match, rows = [*self._rules.match], self._shown.rows
        counts = np.zeros(len(rows), dtype=bool)
        what = self._followed.get(tally.by)
        if what is None or what.empty:
            return counts
        what = what[(what[self._received] <= self._now).to_numpy(dtype=bool)]
        wanted = [c.least_of for c in tally.followed if c.least_of]
        joined = what.merge(
            rows[[*match, *wanted]].assign(place=np.arange(len(rows))), on=match, suffixes=("", " of the decision")
        )
        satisfied = np.zeros(len(joined), dtype=bool)
        for condition in tally.followed:
            satisfied |= held_by(condition, joined, {})
        counts[joined["place"].to_numpy()[satisfied]] = True
        return counts

    def _sums(self, inside: Bools, values: Float64s, *, current: bool) -> Float64s:
        """(askers,) the sum over an asker's rows, of this step or of the time before."""
        chosen = inside & (self._shown.current == current) & (self._shown.code >= 0)
        size = len(self._shown.on_trial)
        sums = np.bincount(self._shown.code[chosen], weights=values[chosen], minlength=size)
        return np.asarray(sums * self._weights[current])

    def _weight_of(self, rows: Bools) -> Float64s:
        """(askers,) 1, or less for those who have far more rows than nearly all have."""
        size = len(self._shown.on_trial)
        code = self._shown.code[rows & (self._shown.code >= 0)]
        shown = np.bincount(code, minlength=size).astype(np.float64)
        if not (shown > 0).any():
            return np.ones(size)
        most = TIMES * float(np.quantile(shown[shown > 0], USUAL))
        return np.asarray(np.minimum(1.0, most / np.maximum(shown, 1.0)))
