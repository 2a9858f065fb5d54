"""The reference of drift: each feature's deciles, the shares between them and the share of nulls, stored as JSON."""

import hashlib
from collections.abc import Mapping, Sequence
from types import MappingProxyType

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


class SliceReference(msgspec.Struct, frozen=True):
    """A slice of the window, such as one region: the shares of each feature's bins, and of the scores'.

    happened       the mean of the target      merit, error  what the release measured there, and its standard error
    """

    name: str
    rows: int
    users: int
    shares: tuple[tuple[float, ...], ...]
    scores: tuple[float, ...] = ()
    happened: float | None = None
    merit: float | None = None
    error: float = 0.0


class Reference(msgspec.Struct, frozen=True):
    """The distributions of a window's features, in the model's order, and of its scores; None where it has none.

    `users` is how many users the rows are of; 0 in a reference written before they were counted. `slices` are parts of
    the rows, with the same bins; there are none in a reference written before they were kept.
    """

    rows: int
    features: tuple[Distribution, ...]
    scores: Distribution | None = None
    users: int = 0
    slices: tuple[SliceReference, ...] = ()

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

    def with_slices(
        self, matrix: AnyArray, scores: AnyArray | None, parts: Mapping[str, AnyArray], users: AnyArray | None = None,
        happened: AnyArray | None = None, merits: Mapping[str, tuple[float, float]] = MappingProxyType({}),
    ) -> "Reference":  # fmt: skip
        """The same reference with parts of its rows: name of a slice → the places of its rows.

        happened  (rows,) the target      merits  name → what was measured there, and its standard error
        """
        columns = [each.places_of(matrix[:, i]) for i, each in enumerate(self.features)]
        of_scores = None if self.scores is None or scores is None else self.scores.places_of(scores)
        owners = codes_of(users, len(matrix))

        def part(name: str, rows: AnyArray) -> SliceReference:
            shares = tuple(
                tuple(shares_of(places[rows], each.bins).tolist())
                for each, places in zip(self.features, columns, strict=True)
            )
            scored = () if of_scores is None or self.scores is None else shares_of(of_scores[rows], self.scores.bins)
            mean = None if happened is None else float(np.nanmean(happened[rows]))
            merit, error = merits.get(name, (None, 0.0))
            count = len(np.unique(owners[rows]))
            return SliceReference(name, len(rows), count, shares, tuple(map(float, scored)), mean, merit, error)

        kept = tuple(part(name, rows) for name, rows in parts.items() if len(rows))
        return msgspec.structs.replace(self, slices=kept)

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
