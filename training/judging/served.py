"""Rows of the training set beside the same rows as serving makes them: the evidence for the gate `served`."""

import numpy as np

from infra.arrays import AnyArray, Float32s, Int64s
from training.definition import Task
from training.fitting import Trained, as_served
from training.judging.replayed import Replay, Replayed
from training.rows import Dataset
from validation.gates import ServedSample

JUDGE_ROWS, EARLIER_ROWS = 2_000, 200  # rows that are made again: of what is judged on, and of what is learned from


def served_samples(
    trained: Trained, dataset: Dataset, task: Task, replay: Replay
) -> tuple[ServedSample, ServedSample | None]:
    """A sample made again as serving makes it, and one as it was really served, where any row was."""
    judge = some_groups(trained.rows["judge"], trained.judged.unit, JUDGE_ROWS, trained.seed)
    earlier = np.concatenate([trained.rows["fit"], trained.rows["tune"]])
    drawn = np.random.default_rng(trained.seed).choice(earlier, min(EARLIER_ROWS, len(earlier)), replace=False)
    rows = np.sort(np.concatenate([trained.rows["judge"][judge], drawn]))
    replayed = replay(dataset, rows)
    served, absent = _aligned(replayed, dataset, task)
    learned = as_served(dataset.matrix[rows], dataset, task)
    sample = ServedSample(
        dataset.features, learned[replayed.known], served[replayed.known], absent, replayed.unlogged,
        _scored(trained, judge, learned, served, rows), replayed.origin,
    )  # fmt: skip
    return sample, _logged(replayed, dataset, task)


def some_groups(rows: AnyArray, group: AnyArray, most: int, seed: int) -> Int64s:
    """Places of rows in whole groups, drawn at random until so many rows are there; all where there are no more."""
    if len(rows) <= most:
        return np.arange(len(rows))
    sizes = np.bincount(group)
    order = np.random.default_rng(seed).permutation(len(sizes))
    chosen = order[np.cumsum(sizes[order]) <= max(most, sizes[order[0]])]
    return np.flatnonzero(np.isin(group, chosen))


def _aligned(replayed: Replayed, dataset: Dataset, task: Task) -> tuple[Float32s, tuple[str, ...]]:
    """What serving makes in the columns of the training set, and the columns that it does not make."""
    places = {name: place for place, name in enumerate(replayed.names)}
    served = np.full((len(replayed.matrix), len(dataset.features)), np.nan, dtype=np.float32)
    for column, name in enumerate(dataset.features):
        if name in places:
            served[:, column] = replayed.matrix[:, places[name]]
    absent = tuple(name for name in dataset.features if name not in places)
    return as_served(served, dataset, task), absent


def _scored(
    trained: Trained, judge: Int64s, learned: Float32s, served: Float32s, rows: AnyArray
) -> tuple[float, float] | None:
    """Mean merit of the winner on the sampled judge rows, with the features of training and with those of serving."""
    judged, places = trained.judged.only(judge), np.flatnonzero(np.isin(rows, trained.rows["judge"]))
    model, point = trained.fitted[trained.winner], trained.points.get(trained.winner)

    def of(matrix: Float32s) -> float:
        merits = trained.objective.merits(judged, model.scores(np.ascontiguousarray(matrix[places])), point)
        return float(np.nanmean(merits)) if np.isfinite(merits).any() else float("nan")

    figures = of(learned), of(served)
    return figures if np.isfinite(figures).all() else None


def _logged(replayed: Replayed, dataset: Dataset, task: Task) -> ServedSample | None:
    logged = replayed.logged
    if logged is None:
        return None
    again, served = logged.again.copy(), logged.logged.copy()
    for name in set(task.logged_only) & set(logged.names):
        again[:, logged.names.index(name)] = served[:, logged.names.index(name)] = dataset.neutral[name]
    return ServedSample(logged.names, again, served, origin="as they were really served")
