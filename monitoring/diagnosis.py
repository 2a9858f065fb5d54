"""Why a release does worse, in the order in which one asks: inputs as served, then scores, then data or model.

Nobody says beforehand which feature or which part of the traffic is meant: every one is compared with training.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from infra.arrays import AnyArray
from monitoring.definition import Watch
from monitoring.reference import Reference, SliceReference
from monitoring.slices import ALL, SCORE, Cell, SlicedDrift, measure, parts_of

Cause = Literal["serving", "data", "inputs", "model", "nothing found", "not enough rows"]
MEANS: dict[Cause, str] = {
    "serving": "training finds the values and serving does not: look at what brings them online, and at who asks",
    "data": "training, too, finds no values there today: look at the table that the feature is made of",
    "inputs": "what comes in is otherwise than in training, in both: the traffic changed, or the table it comes from",
    "model": "the inputs are as in training and the scores are not: look at which release answers, and at its model",
    "nothing found": "inputs and scores are as in training",
    "not enough rows": "too few rows were served with logged features to say anything",
}
LOCAL = 2.0
"""A change is of one slice when its PSI there is so many times that of all other rows; else it is everywhere."""
SHOWN = 5


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The three steps. `nulls` and `scores` are what moved, the clearest first; `happened` is of the slice named.

    cause     data or model, as far as the rows say it
    where     the slice, such as `region=BR`, or `all`; empty where nothing moved
    feature   the feature that moved most there; empty where none did
    """

    rows: int
    nulls: tuple[Cell, ...]
    scores: tuple[Cell, ...]
    cause: Cause
    where: str = ""
    feature: str = ""
    happened: tuple[str, ...] = ()

    @property
    def found(self) -> bool:
        """Whether anything is otherwise than in training."""
        return self.cause not in {"nothing found", "not enough rows"}

    def lines(self) -> list[str]:
        """The three steps as text."""
        named = f"{self.feature or 'scores'}, {self.where}: " if self.found else ""
        return [
            f"1. null rates and distributions in the serving log ({self.rows:,} rows):",
            *_listed(self.nulls, "   every feature is distributed as in training, in every slice"),
            "2. score distributions:",
            *_listed(self.scores, "   as in training, in every slice"),
            f"3. data or model: {named}{self.cause}; {MEANS[self.cause]}",
            *(f"   {each}" for each in self.happened),
        ]


def diagnose(
    reference: Reference, served: AnyArray, again: AnyArray, scores: AnyArray | None, slices: Mapping[str, AnyArray],
    watch: Watch, users: AnyArray | None = None, happened: AnyArray | None = None,
) -> Diagnosis:  # fmt: skip
    """What is otherwise than in training, where, and whether it is data or model.

    served, again  (rows, features) as they were served, and as training makes them of the same rows
    happened       (rows,) the target, as far as it is known
    """
    if len(served) < watch.min_skew_rows:
        return Diagnosis(len(served), (), (), "not enough rows")
    drift = measure(reference, served, scores, slices, watch, users)
    moved = _placed([c for c in drift.moved if c.column != SCORE and (c.nulls or c.column in watch.critical)])
    scored = _placed([c for c in drift.moved if c.column == SCORE])
    first = next(iter(moved or scored), None)
    if first is None:
        return Diagnosis(len(served), (), (), "nothing found")
    rows = parts_of(slices).get(first.where, np.arange(len(served)))
    cause = _cause(reference, moved[0], again[rows], watch) if moved else "model"
    feature = moved[0].column if moved else ""
    says = tuple(_happened(reference, happened, rows, first.where)) if happened is not None else ()
    return Diagnosis(len(served), tuple(moved), tuple(scored), cause, first.where, feature, says)


def _placed(moved: Sequence[Cell]) -> list[Cell]:
    """Of each column the slice that explains its move, or all rows where it is everywhere; the clearest first."""
    placed = []
    for column in dict.fromkeys(cell.column for cell in moved):
        cells = [cell for cell in moved if cell.column == column]
        local = [cell for cell in cells if cell.where != ALL and cell.psi >= LOCAL * cell.outside]
        overall = next((cell for cell in cells if cell.where == ALL), None)
        best = max(local, key=lambda cell: (cell.psi - cell.outside, cell.rows), default=overall or cells[0])
        placed.append(best)
    return sorted(placed, key=lambda cell: (-max(cell.rise, 0.0), -cell.psi))


def _cause(reference: Reference, cell: Cell, again: AnyArray, watch: Watch) -> Cause:
    """Where the change comes from: training makes the values of the same rows, too, and has them or has them not."""
    values = again[:, reference.names.index(cell.column)]
    null_again = float(1 - np.isfinite(values).mean()) if len(values) else 1.0
    if cell.nulls:
        return "serving" if null_again - cell.null_before <= watch.max_null_rise else "data"
    return "inputs"


def _happened(reference: Reference, happened: AnyArray, rows: AnyArray, where: str) -> Iterator[str]:
    """How often the target happened there, against training, and in all other rows."""
    known = np.isfinite(happened[rows])
    part: SliceReference | None = next((each for each in reference.slices if each.name == where), None)
    if known.any():
        before = f", {part.happened:.3f} in training" if part and part.happened is not None else ""
        rest = np.setdiff1d(np.arange(len(happened)), rows)
        others = f"; {np.nanmean(happened[rest]):.3f} in all other rows" if np.isfinite(happened[rest]).any() else ""
        yield f"what the model predicts happened in {np.nanmean(happened[rows]):.3f} of the rows{before}{others}"


def unseen(drift: SlicedDrift, least: float) -> list[str]:
    """The slices that training never saw and that now hold at least this share of the rows."""
    return [f"{name} ({share:.1%})" for name, share in sorted(drift.unseen.items()) if share >= least]


def _listed(cells: Sequence[Cell], otherwise: str) -> list[str]:
    more = [f"   and {len(cells) - SHOWN} more features"] if len(cells) > SHOWN else []
    return [*(f"   {cell.says()}" for cell in cells[:SHOWN]), *more] if cells else [otherwise]
