"""Contenders fitted again on some of the rows of a training set, and judged on the same draws of the same rows."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from infra.arrays import AnyArray, Bools
from infra.manifest import verify
from infra.statistics import Weights, drawn_by_poisson
from training.contenders import Contender, Fitted
from training.definition import Split, Task
from training.fitting import acts_from, as_judged, divided, examples, judged_rows, load_contender, operating_points
from training.measuring import MeasureValue, Said, difference, evaluate
from training.objectives import Judged
from training.rows import Dataset

MOST_ROWS = 100_000
"""A study looks at so many rows, in whole groups that are spread evenly: its cost does not grow with the history."""
SEEDS_EACH = 3
"""What is compared is fitted with so many seeds: one seed moves a figure by as much as what is looked for."""


@dataclass(frozen=True)
class Refits:
    """Rows divided into fit, tune and judge, ready for fits that are compared with each other.

    judged   the judge rows as they are measured      weights  the draws, the same for every fit
    """

    dataset: Dataset
    task: Task
    rows: Mapping[str, AnyArray]
    judged: Judged
    weights: Weights

    @classmethod
    def of(cls, dataset: Dataset, task: Task) -> "Refits":
        """The rows divided as a training divides them."""
        rows = divided(dataset, task)
        judged = replace(judged_rows(dataset, task, task.target, rows), slices={})
        return cls(dataset, task, rows, judged, drawn_by_poisson(judged.clusters, task.draws, task.seed))

    def fitted(self, contender: Contender, seed: int | None = None, without: Collection[str] = ()) -> Fitted:
        """A contender fitted as a training fits it; features in `without` are left out."""
        data = lacking(self.dataset, without)
        fit, tune = (examples(data, self.task, self.task.target, self.rows[part]) for part in ("fit", "tune"))
        return contender.fit(fit, tune, self.task.seed if seed is None else seed)

    def measured(self, model: Fitted, without: Collection[str] = ()) -> Mapping[str, MeasureValue]:
        """Its measures on the judge rows, as it would be served."""
        data = lacking(self.dataset, without)
        points = operating_points(data, self.task, self.task.target, self.rows["tune"], {"": model})
        return self._evaluated(model.scores(as_judged(data, self.task, self.rows["judge"])), points.get(""))

    def decided(self, model: Fitted, without: Collection[str] = ()) -> MeasureValue:
        """The measure that decides between contenders."""
        return self.measured(model, without)[self.task.decides_by]

    def of_release(self, folder: Path) -> MeasureValue | None:
        """The deciding measure of a release on the same rows; None where it reads features that the set lacks."""
        wanted = verify(folder).features
        if not set(wanted) <= set(self.dataset.features):
            return None
        columns = [self.dataset.features.index(name) for name in wanted]
        served = as_judged(self.dataset, self.task, self.rows["judge"])
        scores = load_contender(folder).scores(np.ascontiguousarray(served[:, columns]))
        return self._evaluated(scores, acts_from(folder))[self.task.decides_by]

    def by_seed(self, contender: Contender, without: Collection[str] = ()) -> list[MeasureValue]:
        """The deciding measure of a contender fitted with each of a few seeds."""
        seeds = range(self.task.seed, self.task.seed + SEEDS_EACH)
        return [self.decided(self.fitted(contender, seed, without), without) for seed in seeds]

    def _evaluated(self, scores: AnyArray, point: float | None) -> Mapping[str, MeasureValue]:
        return evaluate(self.task.objective, self.judged, Said(scores, point=point), self.weights).measures


def mean_of(measures: Sequence[MeasureValue], seed: int) -> MeasureValue:
    """The mean over fits that differ in their seed; its interval is of users and of seeds.

    The seeds' part is normal, with the standard error of the mean between the fits.
    """
    values = [measured.value for measured in measures]
    error = float(np.std(values, ddof=1)) / len(values) ** 0.5 if len(values) > 1 else 0.0
    samples = np.mean([measured.samples for measured in measures], axis=0)
    noise = np.random.default_rng(seed).normal(0.0, error, len(samples))
    return MeasureValue.of(float(np.mean(values)), samples + noise)


def mean_difference(these: Sequence[MeasureValue], others: Sequence[MeasureValue], seed: int) -> MeasureValue:
    """The mean difference of fits with the same seeds, on the same draws."""
    return mean_of([difference(one, other) for one, other in zip(these, others, strict=True)], seed)


def before_judging(dataset: Dataset, task: Task) -> tuple[Dataset, Task]:
    """The rows that a training fits and tunes on, with a split of their own: what is chosen on them is not yet judged.

    The last tenth of them stands in for the judge rows. None of the rows that a training judges by is left.
    """
    rows = divided(dataset, task)
    places = np.sort(np.concatenate([rows["fit"], rows["tune"]]))
    mask = np.zeros(len(dataset.frame), dtype=bool)
    mask[places] = True
    split = Split(fit=0.75, tune=0.15, keep_together=task.split.keep_together)
    return only(dataset, mask), replace(task, split=split)


def thinned(dataset: Dataset, task: Task, most_rows: int = MOST_ROWS) -> Dataset:
    """At most about so many rows, in whole groups: every so many-th group, in order of its id's hash."""
    if len(dataset.frame) <= most_rows:
        return dataset
    together = dataset.frame[task.split.keep_together or task.unit]
    marks = pd.util.hash_pandas_object(together, index=False).to_numpy()
    return only(dataset, marks < np.uint64(most_rows / len(dataset.frame) * 2**64))


def only(dataset: Dataset, mask: Bools) -> Dataset:
    """The rows for which the mask holds; the digest stays that of the whole set."""
    frame = dataset.frame[mask].reset_index(drop=True)
    return replace(dataset, frame=frame, matrix=dataset.matrix[mask])


def lacking(dataset: Dataset, features: Collection[str]) -> Dataset:
    """The same rows without some features."""
    kept = [place for place, name in enumerate(dataset.features) if name not in features]
    names = tuple(dataset.features[place] for place in kept)
    return replace(dataset, matrix=np.ascontiguousarray(dataset.matrix[:, kept]), features=names)


def written(measured: MeasureValue) -> str:
    """A difference with its interval."""
    return f"{measured.value:+.4f} [{measured.low:+.4f}, {measured.high:+.4f}]"
