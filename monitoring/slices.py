"""Drift by slice: each feature, and the scores, of each part of the served rows against the same part in training."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from infra.arrays import AnyArray
from monitoring.chance import Users, psi
from monitoring.definition import Watch
from monitoring.reference import Distribution, Reference, SliceReference, codes_of, shares_of

ALL, SCORE = "all", "score"
FOR_NULLS = 1 / 3
"""A feature that is null for a whole slice shows with so few users; a distribution that moved takes more."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One column in one slice. `by_chance` is the PSI that chance explains, 0 where it lies below the limit anyway.

    moved    the distribution is another one      nulls    the share of nulls rose
    outside  the PSI of the same column in all other rows; 0 where nothing moved
    """

    where: str
    column: str
    rows: int
    users: int
    psi: float
    by_chance: float
    null_before: float
    null_now: float
    moved: bool
    nulls: bool
    outside: float = 0.0

    @property
    def rise(self) -> float:
        """By how much the share of nulls is larger now."""
        return self.null_now - self.null_before

    def says(self) -> str:
        """The cell in a sentence."""
        nulls = f"null in {self.null_now:.1%} of {self.rows:,} rows, {self.null_before:.1%} in training"
        return f"{self.column} in {self.where}: {nulls}; PSI {self.psi:.2f} (outside {self.outside:.2f})"


@dataclass(frozen=True, slots=True)
class SlicedDrift:
    """Every column in every slice that is large enough, and the share of rows in slices that training never saw."""

    cells: tuple[Cell, ...]
    unseen: Mapping[str, float]

    @property
    def moved(self) -> tuple[Cell, ...]:
        """What moved, the largest rise of nulls first, then the largest PSI."""
        return tuple(sorted((c for c in self.cells if c.moved or c.nulls), key=lambda c: (-max(c.rise, 0), -c.psi)))


def parts_of(slices: Mapping[str, AnyArray]) -> dict[str, NDArray[np.intp]]:
    """The name of each slice, such as `region=BR`, and the places of its rows."""
    return {
        f"{slicing}={word}": np.flatnonzero(words == word)
        for slicing, words in slices.items()
        for word in sorted(map(str, np.unique(words.astype(str))))
    }


def measure(
    reference: Reference, matrix: AnyArray, scores: AnyArray | None, slices: Mapping[str, AnyArray], watch: Watch,
    users: AnyArray | None = None,
) -> SlicedDrift:  # fmt: skip
    """How far each part of the (rows, features) matrix lies from the same part of the reference.

    slices  slicing → (rows,) the word of each row      users  (rows,) whose they are
    Chance is bounded over all that is compared: where nothing changed, anything at all is said of a window with a
    probability of at most `max_false_alarms`.
    """
    columns = _columns(reference, matrix, scores)
    before = {part.name: part for part in reference.slices}
    rows_of = parts_of(slices)
    owners = codes_of(users, len(matrix))
    every = _everything(reference)
    parts = [
        (every, np.arange(len(matrix))),
        *((before[name], rows) for name, rows in rows_of.items() if name in before),
    ]
    large = [(part, rows) for part, rows in parts if _large(part, rows, owners, watch)]
    exceeded = watch.max_false_alarms / max(1, 2 * len(large) * len(columns))
    cells = [cell for part, rows in large for cell in _cells(part, every, rows, columns, owners, watch, exceeded)]
    cut_by = {name.partition("=")[0] for name in before}
    unseen = {
        name: len(rows) / max(len(matrix), 1)
        for name, rows in rows_of.items()
        if name not in before and name.partition("=")[0] in cut_by
    }
    return SlicedDrift(tuple(cells), unseen)


Column = tuple[Distribution, AnyArray, int]


def _columns(reference: Reference, matrix: AnyArray, scores: AnyArray | None) -> Sequence[Column]:
    """Each column's bins, the bin of each row, and its place among the shares of a slice; that of the scores is −1."""
    columns = [(each, each.places_of(matrix[:, i]), i) for i, each in enumerate(reference.features)]
    if reference.scores is not None and scores is not None:
        columns.append((reference.scores, reference.scores.places_of(scores), -1))
    return columns


def _everything(reference: Reference) -> SliceReference:
    shares = tuple(each.shares for each in reference.features)
    return SliceReference(
        ALL, reference.rows, reference.users, shares, reference.scores.shares if reference.scores else ()
    )


def _large(part: SliceReference, rows: AnyArray, owners: AnyArray, watch: Watch) -> bool:
    """Whether a slice has users enough for its nulls to mean something; other moves take more of them."""
    now = len(np.unique(owners[rows]))
    return min(now, part.users or now) >= watch.min_slice_users * FOR_NULLS


def _cells(
    part: SliceReference, every: SliceReference, rows: AnyArray, columns: Sequence[Column], owners: AnyArray,
    watch: Watch, exceeded: float,
) -> list[Cell]:  # fmt: skip
    users = Users(codes_of(owners[rows], len(rows)), part.users)
    enough = min(users.count, part.users or users.count) >= watch.min_slice_users
    rest = np.setdiff1d(np.arange(len(owners)), rows)
    cells = []
    for column, places, at in columns:
        before, now = _shares(part, at), shares_of(places[rows], column.bins)
        shift = float(psi(before, now))
        by_chance = users.largest_by_chance(before, places[rows], exceeded) if enough and shift > watch.max_psi else 0.0
        moved = enough and shift > max(watch.max_psi, by_chance)
        nulls = now[-1] - before[-1] > watch.max_null_rise and _beyond_chance(before, places[rows], users, exceeded)
        outside = float(psi(_shares(every, at), shares_of(places[rest], column.bins))) if len(rest) else 0.0
        cells.append(
            Cell(
                part.name, column.name, len(rows), users.count, shift, by_chance, float(before[-1]), float(now[-1]),
                moved, bool(nulls), outside if moved or nulls else 0.0,
            )
        )  # fmt: skip
    return cells


def _shares(part: SliceReference, at: int) -> NDArray[np.float64]:
    return np.array(part.scores if at < 0 else part.shares[at])


def _beyond_chance(before: NDArray[np.float64], places: AnyArray, users: Users, exceeded: float) -> bool:
    """Whether nulls alone, against all that is known, moved further than chance explains."""
    two = np.array([1 - before[-1], before[-1]])
    is_null = (places == len(before) - 1).astype(np.intp)
    return float(psi(two, shares_of(is_null, 2))) > users.largest_by_chance(two, is_null, exceeded)
