"""Embeddings: vectors of users and items whose inner product says how well they fit, by Spark's implicit ALS."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from infra.arrays import Float32s
from training.definition import Embedding, Task
from training.rows import GAIN, KNOWN_AT, Dataset, cuts

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ROWS_A_BLOCK = 500_000
# Every round makes Spark's plan deeper; from some twenty rounds on Java's stack overflows when it is sent to a task.
CHECKPOINT_EVERY = 3


@dataclass(frozen=True, slots=True)
class Factors:
    """What ALS learned.

    users, items  (n,) names in order            user_vectors, item_vectors  (n, rank) float32
    engagements   (items,) how many graded engagements each item's vector was learned from
    """

    users: NDArray[Any]
    user_vectors: Float32s
    items: NDArray[Any]
    item_vectors: Float32s
    engagements: NDArray[np.int64]


def engaged(data: Dataset, fit: NDArray[np.int64], task: Task) -> pd.DataFrame:
    """The graded engagements that were known when the rows to fit end: user, item, gain."""
    until = pd.Timestamp(cuts(data.times(), task.split)[0], tz="UTC")
    rows = data.frame.iloc[fit]
    known_gains = rows[(rows[GAIN] > 0) & (rows[KNOWN_AT] <= until)]
    engagements: pd.DataFrame = known_gains[[task.cluster, task.item, GAIN]].set_axis(["user", "item", "gain"], axis=1)
    return engagements


def learn(spark: "SparkSession", engagements: pd.DataFrame, embedding: Embedding, seed: int, scratch: Path) -> Factors:
    """Factorise graded engagements; the same rows and seed give the same vectors.

    engagements  user, item, gain; several of a pair add up      scratch  a folder that every worker of Spark reaches
    """
    from pyspark.ml.recommendation import ALS

    user, users = pd.factorize(engagements["user"], sort=True)
    item, items = pd.factorize(engagements["item"], sort=True)
    codes = {"user": user.astype(np.int32), "item": item.astype(np.int32)}
    rows = pa.table({**codes, "gain": engagements["gain"].to_numpy(dtype=np.float32)})
    blocks = max(2, len(rows) // ROWS_A_BLOCK)
    _without_native_algebra(spark)
    spark.sparkContext.setCheckpointDir(str(scratch.absolute()))
    try:
        model = ALS(
            rank=embedding.rank, maxIter=embedding.rounds, regParam=embedding.regularisation,
            alpha=embedding.confidence, implicitPrefs=True, userCol="user", itemCol="item", ratingCol="gain", seed=seed,
            numUserBlocks=blocks, numItemBlocks=blocks, checkpointInterval=CHECKPOINT_EVERY,
        ).fit(spark.createDataFrame(rows).coalesce(blocks))  # fmt: skip
        vectors = _vectors(model.userFactors), _vectors(model.itemFactors)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return Factors(np.asarray(users), vectors[0], np.asarray(items), vectors[1], np.bincount(item))


def _vectors(factors: Any) -> Float32s:
    """(n, rank) in the order of the codes; every code has a row."""
    table = factors.toArrow().sort_by("id").combine_chunks()
    flat = table["features"].combine_chunks().flatten().to_numpy()
    return np.ascontiguousarray(flat.reshape(len(table), -1), dtype=np.float32)


def _without_native_algebra(spark: "SparkSession") -> None:
    """Make Spark use its own linear algebra: when it looks for a native library, it warns of each that is absent."""
    jvm: Any = spark._jvm
    system = jvm.java.lang.System
    architecture = system.setProperty("os.arch", "none")  # there is no native library for it
    try:
        for name, loader in (("ml.linalg.BLAS", "nativeBLAS"), ("mllib.linalg.LAPACK", "nativeLAPACK")):
            getattr(getattr(getattr(jvm, f"org.apache.spark.{name}$"), "MODULE$"), loader)()
    finally:
        system.setProperty("os.arch", architecture)
