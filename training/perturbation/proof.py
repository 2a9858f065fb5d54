"""The proof on a sample: rows shown before a cut stay byte-equal, rows shown after it change."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import ceil
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from infra.arrays import Float32s
from infra.errors import DefinitionError
from training.perturbation.rebuilding import Workshop, rebuilt_for_few
from training.rows import Dataset
from validation.gates import PerturbationEvidence

BEFORE, AFTER = 150, 50  # rows of a sample shown until the cut, and after it
LEAST = 4 * (BEFORE + AFTER)  # rows to draw a cut from
APART_S = 600  # so long after the cut lie the states of a row that has to change
DAY_S = 86_400
ROUNDING = 1e-5  # a fold in other parts adds in another order: it may differ by so much, and means nothing

Rebuild = Callable[[Workshop, Path, pd.DataFrame, datetime, int | None], Float32s]


def perturbation_proof(
    workshop: Workshop, dataset: Dataset, seed: int, days_ago: int = 0, rebuild: Rebuild = rebuilt_for_few
) -> PerturbationEvidence:
    """What becomes of a sample of trained rows when everything received after one of them was shown is altered.

    days_ago  before the last day of the training set the cut lies
    rebuild   builds rows again: by default the states of their entities alone
    Where rows shown before the cut differ, they are built a second time from the lake as it is: a feature whose two
    builds differ knows the future, one that cannot be built again as it was trained on came from somewhere else.
    """
    workshop = replace(workshop, freshness=dataset.freshness)
    before, after, cut = sampled(dataset, seed, days_ago)
    rows = np.concatenate([before, after])
    frame, trained = dataset.frame.iloc[rows].reset_index(drop=True), dataset.matrix[rows]
    names = [feature.name for feature in workshop.features.features]
    own = trained[:, [dataset.features.index(name) for name in names]]
    with workshop.scratch() as folder:
        altered = rebuild(workshop, folder / "altered", frame, cut, seed)
        differs = _differs(own, altered)
        as_it_is = altered
        if differs[: len(before)].any():
            as_it_is = rebuild(workshop, folder / "as_it_is", frame, cut, None)
    early = slice(0, len(before))
    close = np.isclose(own, as_it_is, rtol=ROUNDING, atol=ROUNDING, equal_nan=True)
    unknown = {name: len(before) for name in dataset.features if name not in names}
    return PerturbationEvidence(
        cut=cut,
        before=len(before),
        after=len(after),
        moved=int(differs[len(before) :].any(axis=1).sum()),
        knows_later=_counts(names, _differs(as_it_is, altered)[early]),
        not_rebuilt=_counts(names, ~close[early]) | unknown,
    )


def sampled(dataset: Dataset, seed: int, days_ago: int = 0) -> tuple[NDArray[np.intp], NDArray[np.intp], datetime]:
    """The places of rows shown until a cut (the last before it) and of rows shown well after it, and the cut itself.

    The cut is the moment at which a row was shown, drawn from the middle of a day's rows; where a day has few, from the
    middle of the last rows until its end. It lies so many days earlier as states wait until they are online: rows shown
    after it are those that read states of after it.
    """
    times, online = dataset.times(), dataset.freshness
    days = times.astype("datetime64[D]")
    end = days.max() - np.timedelta64(days_ago, "D")
    last = end - np.timedelta64(ceil(online.longest_s / DAY_S) if online.longest_s > APART_S else 0, "D")
    ordered = np.argsort(times, kind="stable")
    shown, until_end = (ordered[days[ordered] <= day] for day in (last, end))
    if len(shown) < 2:
        raise DefinitionError(f"training set: {len(shown)} rows were shown until {last}; two are needed to cut between")
    newest = shown[-max(int((days == last).sum()), LEAST) :]
    at = times[newest[int(len(newest) * np.random.default_rng(seed).uniform(0.4, 0.6))]]
    reached = online.reached(times.astype("datetime64[us]").astype(np.int64)).astype("datetime64[us]")
    until, later = shown[times[shown] <= at], until_end[reached[until_end] >= at + np.timedelta64(APART_S, "s")]
    spread = np.linspace(0, len(later) - 1, min(AFTER, len(later))).astype(int)
    cut = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(at.astype("datetime64[us]").astype(np.int64)))
    return until[-BEFORE:], later[spread], cut


def _differs(one: Float32s, other: Float32s) -> NDArray[np.bool_]:
    """Which values are not the same bits; unknown equals unknown."""
    same: NDArray[np.bool_] = (one == other) | (np.isnan(one) & np.isnan(other))
    return ~same


def _counts(names: list[str], where: NDArray[np.bool_]) -> dict[str, int]:
    counts = where.sum(axis=0)
    return {name: int(count) for name, count in zip(names, counts, strict=True) if count}
