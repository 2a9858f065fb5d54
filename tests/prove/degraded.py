"""Models made worse on purpose: does the offline measure order them as their users would be better or worse off?"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from infra.arrays import AnyArray, Float32s
from orchestration.sources.simulator import World
from training.contenders import Boosted, Examples
from training.definition import Task
from training.fitting import as_judged, divided
from training.objectives import ndcg
from training.rows import AT, GAIN, Dataset

CHOSEN = 10
SHUFFLED, NOISE, FEW = (0.5, 0.8, 0.95, 1.0), (0.3, 1.0, 3.0), 0.01


@dataclass(frozen=True, slots=True)
class Degraded:
    """One model: what was done to it, its offline NDCG on the judge rows, and its true utility."""

    what: str
    offline: float
    utility: float


def degraded(world: World, data: Dataset, task: Task, seed: int = 0) -> list[Degraded]:
    """Every model trained on the same rows and judged on the same later ones."""
    rows = divided(data, task)
    frame, served = data.frame.iloc[rows["judge"]], as_judged(data, task, rows["judge"])
    group = np.asarray(pd.factorize(frame[task.unit])[0])
    gain = frame[GAIN].to_numpy(np.float64)
    at = frame[AT].astype("int64").to_numpy() / {"us": 1e6, "ns": 1e9}[frame[AT].dt.unit]
    worth = world.utility(frame[task.cluster].to_numpy(str), frame[task.item].to_numpy(str), at)
    user = np.asarray(pd.factorize(frame[task.cluster])[0])
    measured = []
    for what, scores in _models(data, task, rows, served, seed):
        offline = np.nanmean(ndcg(group, gain, scores, 10, int(group.max()) + 1))
        measured.append(Degraded(what, float(offline), _chosen(user, scores, worth)))
    return measured


def rank_correlation(models: list[Degraded]) -> float:
    """Spearman's, between the offline measure and the truth."""
    from scipy.stats import spearmanr

    return float(spearmanr([m.offline for m in models], [m.utility for m in models]).statistic)


def _chosen(user: AnyArray, scores: Float32s, worth: AnyArray) -> float:
    """The mean true utility of the ten that a model chooses for each user of all that the user was shown."""
    order = np.lexsort((-scores, user))
    first = np.r_[0, np.flatnonzero(np.diff(user[order])) + 1]
    place = np.arange(len(order)) - np.repeat(first, np.diff(np.r_[first, len(order)]))
    many = np.bincount(user)[user[order]] >= 2 * CHOSEN  # else nearly all are chosen, whatever the scores
    return float(worth[order][(place < CHOSEN) & many].mean())


def _models(
    data: Dataset, task: Task, rows: dict[str, AnyArray], served: Float32s, seed: int
) -> Iterator[tuple[str, Float32s]]:
    rng = np.random.default_rng(seed)
    (boosted,) = (contender for contender in task.contenders if isinstance(contender, Boosted))
    label = data.frame[task.target].to_numpy(np.float32)
    fit, tune = (Examples(data.matrix[rows[part]], label[rows[part]], data.features) for part in ("fit", "tune"))
    whole = boosted.fit(fit, tune, seed).scores(served)
    yield "as it is", whole
    for noise in NOISE:
        yield (
            f"noise of {noise:g} standard deviations in the scores",
            whole + np.float32(noise * whole.std() * rng.normal(size=len(whole))),
        )
    for prefix, what in (("user_", "users"), ("video_", "videos")):
        gone = [i for i, name in enumerate(data.features) if name.startswith(prefix)]
        parts = [replace(part, matrix=_without(part.matrix, gone)) for part in (fit, tune)]
        yield f"nothing known of {what}", boosted.fit(*parts, seed).scores(_without(served, gone))
    for share in SHUFFLED:
        parts = [replace(part, labels=_shuffled(part.labels, share, rng)) for part in (fit, tune)]
        yield f"labels of {share:.0%} of the rows shuffled", boosted.fit(*parts, seed).scores(served)
    few = rng.choice(len(fit.labels), max(int(FEW * len(fit.labels)), 50), replace=False)
    yield (
        f"{FEW:.0%} of the rows",
        boosted.fit(replace(fit, matrix=fit.matrix[few], labels=fit.labels[few]), tune, seed).scores(served),
    )
    for contender in task.contenders:
        if contender is not boosted:
            yield f"{contender.name} in its place", contender.fit(fit, tune, seed).scores(served)


def _without(matrix: Float32s, columns: list[int]) -> Float32s:
    kept = matrix.copy()
    kept[:, columns] = np.nan
    return kept


def _shuffled(labels: Float32s, share: float, rng: np.random.Generator) -> Float32s:
    mixed, which = labels.copy(), np.flatnonzero(rng.random(len(labels)) < share)
    mixed[which] = rng.permutation(labels[which])
    return mixed
