"""Builds a release: one folder with everything that serving needs, so that all parts fit each other."""

import math
import shutil
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import numpy as np

from feature_repo.definition import FeatureSet
from feature_repo.embedding_space import EMBEDDINGS, INDEX, VECTORS
from feature_repo.recipe import recipe_of
from infra.errors import ReleaseMismatch
from infra.manifest import Manifest, TrainingFacts, write_manifest
from infra.release_format import (
    GOLDEN,
    MANIFEST,
    MODEL,
    OPERATING_POINT,
    POLICY,
    POPULAR,
    RECIPE,
    TREES,
    OperatingPoint,
    Popular,
    write_golden_rows,
    write_operating_point,
    write_popular,
)
from training.definition import GOLDEN_ROWS, Task
from training.fitting import Embedded, Trained, as_served
from training.rows import Dataset

RESERVED = {MANIFEST, RECIPE, TREES, MODEL, POPULAR, POLICY, GOLDEN, OPERATING_POINT, EMBEDDINGS, VECTORS, INDEX}


def build_release(
    folder: Path,
    trained: Trained,
    dataset: Dataset,
    features: FeatureSet,
    task: Task,
    popular: Popular,
    policy: bytes,
    *,
    version: str,
    created_at: datetime,
    embedded: Embedded | None = None,
    extra: Mapping[str, bytes] | None = None,
    training: TrainingFacts | None = None,
) -> Manifest:
    """Write the winner's release into a new folder; returns its manifest.

    policy    the serving policy as JSON
    embedded  the embedding space and its index; without it the source of nearest items finds nothing
    extra     further files to carry, such as a reference for monitoring
    training  how the model can be made again
    """
    _refuse_pickles(extra or {})
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    model = trained.fitted[trained.winner]
    model.save(folder)
    (folder / RECIPE).write_bytes(recipe_of(features))
    write_popular(folder, popular)
    (folder / POLICY).write_bytes(policy)
    golden = golden_rows(dataset, trained, task)
    write_golden_rows(folder, golden, model.scores(golden))
    point = trained.points.get(trained.winner)
    if point is not None:
        write_operating_point(folder, OperatingPoint(point if math.isfinite(point) else None))
    if embedded is not None:
        embedded.write(folder)
    for name, content in (extra or {}).items():
        (folder / name).write_bytes(content)
    return write_manifest(
        folder,
        system=task.name,
        version=version,
        created_at=created_at,
        kind=model.kind,
        ranker=trained.winner,
        features=trained.features,
        dataset_digest=dataset.digest,
        training=training,
    )


def golden_rows(dataset: Dataset, trained: Trained, task: Task) -> "np.ndarray[tuple[int, int], np.dtype[np.float32]]":
    """Judge rows spread evenly over time, as they would be served."""
    rows = trained.rows["judge"]
    chosen = rows[np.linspace(0, len(rows) - 1, min(GOLDEN_ROWS, len(rows))).astype(int)]
    return np.ascontiguousarray(as_served(dataset.matrix[chosen], dataset, task))


def _refuse_pickles(extra: Mapping[str, bytes]) -> None:
    for name, content in extra.items():
        if name in RESERVED or "/" in name:
            raise ReleaseMismatch(f"release: {name} is not a free file name. Carry it under another one.")
        if name.endswith((".pkl", ".pickle", ".joblib")) or content[:1] == b"\x80":
            raise ReleaseMismatch(f"release: {name} is a pickle, which runs code when read. Write JSON, UBJ or npz.")
