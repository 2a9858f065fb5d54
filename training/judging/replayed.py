"""What orchestration tells training about serving: the features that some rows have when serving makes them."""

from collections.abc import Callable
from dataclasses import dataclass

from infra.arrays import AnyArray, Bools, Float32s, Int64s
from training.rows import Dataset


@dataclass(frozen=True, slots=True)
class LoggedFeatures:
    """Rows whose features a service logged when it served them.

    rows    their places in the training set      names  the features, in order
    logged  (rows, features) as they were served
    again   (rows, features) made again from the states that were online then
    """

    rows: Int64s
    names: tuple[str, ...]
    logged: Float32s
    again: Float32s


@dataclass(frozen=True, slots=True)
class Replayed:
    """Some rows of a training set as serving makes them.

    names     the features that serving makes, in order
    matrix    (rows, features) of the rows that were asked for, from states as they are online when it is shown
    known     (rows,) whether the log of what was shown holds the row; of others there is nothing to make
    unlogged  how many rows of the whole set it does not hold
    origin    how this was done, in words
    logged    of rows that were really served; None where none was
    """

    names: tuple[str, ...]
    matrix: Float32s
    known: Bools
    unlogged: int
    origin: str
    logged: LoggedFeatures | None = None


Replay = Callable[[Dataset, AnyArray], Replayed]
"""A training set and places of rows in it → these rows as serving makes them."""
