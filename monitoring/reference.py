"""The reference of drift: each feature's deciles, the shares between them and the share of nulls, stored as JSON."""

import hashlib
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from infra.arrays import AnyArray
from infra.errors import ReleaseMismatch
from monitoring.definition import PLAIN

SAME = 1e-5  # two values are taken as equal below this relative distance: float32 has about seven digits
NARROW = 1e-4  # two deciles are taken as equal below this share of the spread: they differ by noise


class Distribution(msgspec.Struct, frozen=True):
    """The distribution of one column: `edges` ascending, `shares` of the bins (value <= edge), last that of nulls."""

    name: str
    edges: tuple[float, ...]
    shares: tuple[float, ...]

    def places_of(self, values: AnyArray) -> NDArray[np.intp]:
        """The bin of each value."""
        return _places(values, np.array(self.edges))

    @property
    def bins(self) -> int:
        """How many bins there are, that of nulls included."""
        return len(self.edges) + 2


class Reference(msgspec.Struct, frozen=True):
    """The distributions of a window's features, in the model's order, and of its scores; None where it has none.

    `users` is how many users the rows are of; 0 in a reference written before they were counted.
    """

    rows: int
    features: tuple[Distribution, ...]
    scores: Distribution | None = None
    users: int = 0

    @classmethod
    def of(
        cls, matrix: AnyArray, names: Sequence[str], scores: AnyArray | None = None, bins: int = PLAIN.bins,
        users: AnyArray | None = None,
    ) -> "Reference":  # fmt: skip
        """The reference of a (rows, features) matrix and of the scores of the same rows.

        users  (rows,) whose rows they are; None: each row is a user's only one
        """
        if matrix.ndim != 2 or matrix.shape[1] != len(names):
            raise ReleaseMismatch(
                f"reference: a matrix of shape {matrix.shape} cannot hold {len(names)} named features"
            )
        features = tuple(distribution(name, matrix[:, i], bins) for i, name in enumerate(names))
        of_scores = None if scores is None else distribution("score", scores, bins)
        return cls(len(matrix), features, of_scores, int(codes_of(users, len(matrix)).max(initial=-1)) + 1)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the features, in the model's order."""
        return tuple(f.name for f in self.features)

    def to_json(self) -> bytes:
        """Canonical JSON: the same reference is always the same bytes."""
        return msgspec.json.encode(self, order="deterministic")

    @classmethod
    def from_json(cls, raw: bytes | str) -> "Reference":
        """The reference written by `to_json`."""
        return msgspec.json.decode(raw, type=cls)

    def digest(self) -> str:
        """sha256 of the canonical JSON."""
        return hashlib.sha256(self.to_json()).hexdigest()


def codes_of(users: AnyArray | None, rows: int) -> AnyArray:
    """Whose each row is, counted from 0; each row somebody else's where nobody says."""
    return np.arange(rows) if users is None else np.unique(users, return_inverse=True)[1]


def distribution(name: str, values: AnyArray, bins: int = PLAIN.bins) -> Distribution:
    """The distribution in up to `bins` bins of equal share; a value that is frequent enough has a bin of its own."""
    known = values[np.isfinite(values)].astype(np.float64)
    edges = _edges(np.quantile(known, np.linspace(0, 1, bins + 1))) if len(known) else np.array([])
    shares = shares_of(_places(values, edges), len(edges) + 2)
    return Distribution(name, tuple(edges.tolist()), tuple(shares.tolist()))


def shares_of(places: AnyArray, bins: int) -> NDArray[np.float64]:
    """The share of rows in each bin."""
    return np.bincount(places, minlength=bins) / max(len(places), 1)


def _edges(quantiles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Inner edges. Equal quantiles (a constant, many zeros) get an edge on each side: other values then show."""
    width = np.maximum(SAME * np.abs(quantiles), NARROW * (quantiles[-2] - quantiles[1]))
    least = SAME * float(np.abs(quantiles).max()) or SAME  # around a zero
    apart = np.diff(quantiles) > width[1:]
    group = np.concatenate([[0], np.cumsum(apart)])
    edges: list[float] = []
    for g in range(int(group[-1]) + 1):
        members = quantiles[group == g]
        if len(members) > 1:
            slack = float(width[group == g].max()) or least
            edges += [float(members[0]) - slack, float(members[-1]) + slack]
        elif 0 < g < group[-1]:
            edges.append(float(members[0]))
    return np.unique(edges)


def _places(values: AnyArray, edges: NDArray[np.float64]) -> NDArray[np.intp]:
    known = np.isfinite(values)
    return np.where(known, np.searchsorted(edges, np.where(known, values, 0.0), side="left"), len(edges) + 1)
