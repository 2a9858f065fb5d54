"""Columns against the later labels of each key: the evidence for the gate `encoding`.

Of keys with the same chance the shares that happen differ by what coin flips differ; of keys whose chances also differ
they differ by more. So whatever is known before the judge rows, the squared distance of what happens from what it tells
is at least the variance of coin flips. A column that was computed from the judged labels comes closer.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from infra.arrays import AnyArray, Float32s, Float64s, Reals
from validation.gates import KeyNoise

SIZES = (2, 3, 4, 6, 9, 14, 24)  # rows of a key: keys are compared with others of about as many
BINS, LEAST = 20, 10  # bins of a column at most, and keys of a bin at least
KEYS = 60  # fewer cannot tell how noisy their labels are
STEEPEST = 15.0  # of a logarithm that is undone: no counter is larger


@dataclass(frozen=True, slots=True)
class _Keys:
    """The keys that have several judge rows: of each the first of them, rows and positives, then and before."""

    name: str
    first: AnyArray
    rows: Float64s
    positives: Float64s
    rows_before: Float64s
    positives_before: Float64s
    floor: float


@dataclass(frozen=True, slots=True)
class _Compared:
    """(keys,) the squared distance of what happened from what was expected, the variance of coins, and the rows."""

    residuals: Float64s
    flips: Float64s
    rows: Float64s


def key_noise(
    matrix: Float32s,
    features: Sequence[str],
    label: AnyArray,
    judge: AnyArray,
    chances: Reals | None,
    keys: Mapping[str, AnyArray],
) -> Iterator[KeyNoise]:
    """Of each column and key how closely the column's value at the key's first judge row tells the key's mean label.

    matrix   (judge rows, features) in order of time
    label    (rows,) whether the target happened, of all rows   judge  the places of the judge rows, the last in time
    chances  (judge rows,) a model's probabilities: how much the rows of one key differ; None: nobody knows
    keys     name → (rows,) codes from 0
    """
    happened = (label > 0).astype(np.float64)
    for name, codes in keys.items():
        counted = _counted(name, codes, happened, judge, chances)
        if len(counted.first) < KEYS:
            continue
        for place, feature in enumerate(features):
            values = matrix[counted.first, place].astype(np.float64)
            for compared in (_in_bins(values, counted), _beside_the_past(values, counted)):
                if len(compared.flips) >= KEYS and compared.flips.sum() > 0:
                    yield _noise(feature, counted, compared)


def _counted(name: str, codes: AnyArray, happened: Float64s, judge: AnyArray, chances: Reals | None) -> _Keys:
    own, before, size = codes[judge], codes[: judge[0]], int(codes.max()) + 1
    rows = np.bincount(own, minlength=size).astype(np.float64)
    several = np.flatnonzero(rows >= SIZES[0])
    first = np.full(size, len(own))
    np.minimum.at(first, own, np.arange(len(own)))
    return _Keys(
        name, first[several], rows[several],
        np.bincount(own, happened[judge], size).astype(np.float64)[several],
        np.bincount(before, minlength=size)[several].astype(np.float64),
        np.bincount(before, happened[: judge[0]], size).astype(np.float64)[several],
        _floor(own, happened[judge], chances),
    )  # fmt: skip


def _in_bins(values: Float64s, keys: _Keys) -> _Compared:
    """Each key against the mean label of the keys with a like value and about as many rows."""
    size, place = np.searchsorted(SIZES, keys.rows, side="right"), np.full(len(values), -1)
    known = np.isfinite(values)
    for of in np.unique(size[known]):
        these = np.flatnonzero(known & (size == of))
        bins = min(BINS, len(these) // LEAST)
        if bins:
            ranks = np.searchsorted(np.sort(values[these]), values[these])
            place[these] = of * BINS + ranks * bins // len(these)
    used = np.flatnonzero(place >= 0)
    where = np.unique(place[used], return_inverse=True)[1]
    members = np.bincount(where, minlength=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.bincount(where, keys.positives[used], 1) / np.bincount(where, keys.rows[used], 1)
        spread = (members / (members - 1))[where]  # the mean was taken of the same keys
    enough = members[where] >= LEAST
    expected, rows = share[where][enough], keys.rows[used][enough]
    residuals = spread[enough] * np.square(keys.positives[used][enough] - rows * expected)
    return _Compared(residuals, rows * expected * (1 - expected), rows)


def _beside_the_past(values: Float64s, keys: _Keys) -> _Compared:
    """Each key against what the column tells together with the key's earlier labels, which an encoding mixes in.

    The sum of later labels is fitted on every second key, linear in the column and its products, and compared on the
    others.
    """
    known = np.flatnonzero(np.isfinite(values))
    if len(known) < 2 * KEYS:
        return _Compared(np.zeros(0), np.zeros(0), np.zeros(0))
    x, rows, before = values[known], keys.rows[known], keys.rows_before[known]
    undone = np.expm1(np.clip(x, -STEEPEST, STEEPEST))
    columns = [np.ones(len(x)), rows, before, keys.positives_before[known]]
    columns += [each * by for each in (x, undone) for by in (1.0, rows, before)]
    scaled = np.column_stack(columns)
    scaled /= np.maximum(np.abs(scaled).max(axis=0), 1e-12)
    happened, expected = keys.positives[known], np.empty(len(known))
    half = np.arange(len(known)) % 2 == 0
    for fit, tell in ((half, ~half), (~half, half)):
        expected[tell] = scaled[tell] @ np.linalg.lstsq(scaled[fit], happened[fit], rcond=1e-9)[0]
    share = np.clip(expected / rows, 0.0, 1.0)
    return _Compared(np.square(happened - rows * share), rows * share * (1 - share), rows)


def _noise(feature: str, keys: _Keys, compared: _Compared) -> KeyNoise:
    """The dispersion, with the standard error that coin flips give it by themselves."""
    flips = compared.flips
    variances = 2 * np.square(flips) + flips * (1 - 6 * flips / compared.rows)  # of a squared binomial distance
    error = float(np.sqrt(np.maximum(variances, 0.0).sum()) / flips.sum())
    return KeyNoise(feature, keys.name, len(flips), float(compared.residuals.sum() / flips.sum()), error, keys.floor)


def _floor(codes: AnyArray, happened: Float64s, chances: Reals | None) -> float:
    """What coin flips show at least when the rows of each key are the same mixture of chances: their own variance."""
    share = happened.mean()
    if chances is None:
        return 0.5
    counts = np.maximum(np.bincount(codes), 1)
    within = chances - (np.bincount(codes, weights=chances) / counts)[codes]
    return float(1 - np.square(within).mean() / max(share * (1 - share), 1e-9))
