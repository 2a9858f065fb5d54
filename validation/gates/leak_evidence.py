"""What training hands the gates about leaks that no single column shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # as in evidence.py
    from infra.arrays import Reals


@dataclass(frozen=True, slots=True)
class ServedSample:
    """Some rows of the training set beside the same rows as serving makes their features.

    names             the columns that a model may read, in order
    trained, served   (rows, columns) NaN where unknown; both without what only the log of a request knows
    absent            the columns that serving does not make
    unlogged          how many rows of the whole training set the log of what was shown does not hold as they are
    scored            mean merit of the candidate on units of the sample, features as trained and features as served
    origin            how the served features came about, in words
    """

    names: tuple[str, ...]
    trained: Reals
    served: Reals
    absent: tuple[str, ...] = ()
    unlogged: int = 0
    scored: tuple[float, float] | None = None
    origin: str = ""


@dataclass(frozen=True, slots=True)
class ColumnWorth:
    """What some columns are worth to a model, and how much of that is new at each row.

    name   a column, or where the columns of a group come from
    key    by which the row before was looked for; empty for the worth on all rows
    worth  (units,) merit lost when the columns are taken from other rows; only rows that have one before, for a key
    new    (units,) merit lost when they are taken from the last row before of the same key
    """

    name: str
    key: str
    worth: Reals
    new: Reals | None


@dataclass(frozen=True, slots=True)
class Repeats:
    """Rows that stand twice: judge rows, and tune rows before them, with a near twin among earlier rows.

    judged, twins          judge rows looked at, and how many have a twin among rows that are learned from
    before, twins_before   the same for tune rows and the rows before them: what honest data has
    """

    judged: int
    twins: int
    before: int
    twins_before: int


@dataclass(frozen=True, slots=True)
class KeyNoise:
    """How closely a column tells the later mean label of each key, against the noise that labels have by themselves.

    dispersion  mean over keys of (what happened − what the column tells)², in units of the variance of coin flips;
                1 where the column knows the chances, more where it does not, less only where it knows the flips
    error       standard error that coin flips give the dispersion
    floor       the least that honest data can show: rows of one key differ in their chances
    """

    column: str
    key: str
    keys: int
    dispersion: float
    error: float
    floor: float
