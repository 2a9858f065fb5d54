"""Conditions of a trial's rules on rows of a frame."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from infra.arrays import Bools
from monitoring.trial.rules import ByAnother, Condition, OfTheTop, TrialRules

if TYPE_CHECKING:
    import pandas as pd  # slow to load, and commands that only read the definition need none

Tops = Mapping[OfTheTop, frozenset[object]]
OWN = "release of the variant"
"""The column that says which release is to answer for a row's variant; added where rows are counted."""


def held_by(condition: Condition, rows: "pd.DataFrame", top: Tops) -> Bools:
    """(rows,) for which rows a condition holds; never where the column is null, but for a release."""
    column = rows[condition.column]
    if isinstance(condition, ByAnother):
        return np.asarray((column != rows[OWN]).fillna(True), dtype=bool)
    if isinstance(condition, OfTheTop):
        return np.asarray(column.isin(top.get(condition, frozenset())), dtype=bool)
    if condition.values:
        holds = column.isin(condition.values)
    else:
        least = rows[condition.least_of] if condition.least_of else condition.least
        holds = (column >= least).fillna(False)
    return np.asarray((~holds if condition.negated else holds) & column.notna(), dtype=bool)


def tops(rules: TrialRules, before: "pd.DataFrame") -> Tops:
    """The values that had most rows before the trial, for every such condition of the rules."""
    conditions = {
        condition
        for measure, _ in rules.measures
        for tally in (measure.above, measure.below)
        for condition in tally.where
        if isinstance(condition, OfTheTop)
    }
    return {condition: _top(before[condition.column], condition.share) for condition in conditions}


def _top(values: "pd.Series[str]", share: float) -> frozenset[object]:
    counts = values.dropna().value_counts()
    return frozenset(counts.index[: int(np.ceil(share * len(counts)))])
