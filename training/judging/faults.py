"""Faults that tests plant in a training set: for each there is a gate that refuses a model trained on it."""

from dataclasses import replace

import numpy as np

from training.definition import Task
from training.rows import GAIN, Dataset, dataset_of
from validation.gates import Lineage


def shuffled_labels(dataset: Dataset, task: Task, seed: int) -> Dataset:
    """The same rows under labels drawn from other rows: nothing can be learned."""
    labels = [GAIN, *(o.name for o in task.outcomes)]
    order = np.random.default_rng(seed).permutation(len(dataset.frame))
    shuffled = {name: dataset.frame[name].to_numpy()[order] for name in labels}
    return _with_digest(replace(dataset, frame=dataset.frame.assign(**shuffled)))


def planted_column(dataset: Dataset, task: Task, seed: int, known_after_s: float = 0.0) -> Dataset:
    """One more feature, `planted`: the target with little noise, as in a column that is filled in afterwards."""
    target = dataset.frame[task.target].to_numpy(dtype=np.float32)
    noise = np.random.default_rng(seed).normal(0, 0.2, len(target)).astype(np.float32)
    planted = replace(
        dataset,
        matrix=np.column_stack([dataset.matrix, target + noise]),
        features=(*dataset.features, "planted"),
        lineage=(*dataset.lineage, Lineage("planted", task.outcomes_in, known_after_s)),
    )
    return _with_digest(planted)


def _with_digest(changed: Dataset) -> Dataset:
    of_content = dataset_of(changed.frame, changed.matrix, changed.features, changed.lineage, changed.neutral)
    return replace(changed, digest=of_content.digest)
