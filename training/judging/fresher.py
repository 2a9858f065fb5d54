"""What fresher states would be worth: the same model on the judge rows as they are served, and as published."""

from dataclasses import dataclass, replace

import numpy as np

from infra.arrays import AnyArray, Float32s
from infra.statistics import Interval, interval
from training.definition import Task
from training.fitting import Trained, as_judged
from training.rows import Dataset


@dataclass(frozen=True, slots=True)
class Fresher:
    """The winner's merit on states as fresh as serving reads them, and as published; the gain with its interval."""

    as_served: Interval
    as_published: Interval
    gain: Interval


def worth_of_fresher(trained: Trained, dataset: Dataset, task: Task, published: Float32s) -> Fresher:
    """The worth of states that are online as soon as they are published, to the model as it was trained.

    published  (judge rows, features) the judge rows joined with such states
    """
    model, rows, clusters = trained.fitted[trained.winner], trained.rows["judge"], trained.judged.owner

    def of_units(matrix: Float32s) -> AnyArray:
        part = replace(dataset, frame=dataset.frame.iloc[rows], matrix=matrix)
        scores = model.scores(np.ascontiguousarray(as_judged(part, task, np.arange(len(rows)))))
        return trained.merits(scores)

    served, fresh = of_units(dataset.matrix[rows]), of_units(published)
    figures = (interval(values, task.seed, clusters, task.draws) for values in (served, fresh, fresh - served))
    return Fresher(*figures)
