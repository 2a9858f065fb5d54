"""The embedding space of a release: items and users placed, an index over the items, and how well it finds them."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from feature_repo import embedding_space
from feature_repo.definition import FeatureSet
from feature_repo.embedding_space import INDEX, IdBytes, Space
from infra.arrays import Float32s
from infra.errors import DefinitionError
from infra.lake import Lake
from infra.marks import marks
from training.definition import GOLDEN_NEIGHBOURS, GOLDEN_QUERIES, RECALL_USERS, Embedding, Task
from training.fitting import als as embeddings
from training.fitting import content, nearest_index, popular_lists, recall
from training.fitting.als import Factors
from training.fitting.content import Content
from training.rows import GAIN, Dataset
from validation.contract import unknown

if TYPE_CHECKING:
    import faiss
    from pyspark.sql import SparkSession


@dataclass(frozen=True)
class Embedded:
    """A space with its index, and its users with their vectors (users, d), which are no part of the release."""

    space: Space
    ids: IdBytes
    index: "faiss.Index"
    users: list[str]
    user_vectors: Float32s
    measures: Mapping[str, float]

    def write(self, folder: Path) -> None:
        """Put space and index into a release."""
        embedding_space.write(self.space, self.ids, folder)
        nearest_index.save(self.index, folder / INDEX)


def build_item_space(
    spark: "SparkSession",
    lake: Lake,
    data: Dataset,
    rows: Mapping[str, NDArray[np.int64]],
    task: Task,
    features: FeatureSet,
    at: datetime,
    seed: int,
) -> Embedded:
    """Learn from the rows to fit, place every item known at a moment, and measure on the rows to judge.

    rows  part → places in the training set, as a training run divided them
    """
    embedding = _checked(task, features)
    engaged = embeddings.engaged(data, rows["fit"], task)
    if engaged.empty:
        raise DefinitionError(f"task {task.name}: nobody engaged with anything in the rows to fit; give more days")
    with tempfile.TemporaryDirectory(dir=lake.root, prefix=".als-") as scratch:
        factors = embeddings.learn(spark, engaged, embedding, seed, Path(scratch))
    items = popular_lists.described(lake, embedding.profile, task.item, embedding.attributes, at).set_index(task.item)
    learned_items = items.index.isin(factors.items)
    learned = content.fit(
        items[learned_items].reindex(factors.items),
        factors.item_vectors,
        factors.engagements.astype(np.float64),
        embedding.ridge,
    )
    return _embedded(embedding, features, factors, learned, items, data.frame.iloc[rows["judge"]], task, seed)


def _embedded(
    embedding: Embedding, features: FeatureSet, factors: Factors, learned: Content, items: pd.DataFrame,
    judged: pd.DataFrame, task: Task, seed: int,
) -> Embedded:  # fmt: skip
    names = np.array(sorted(items.index))
    marked = marks(names)
    names, marked = names[np.argsort(marked, kind="stable")], np.sort(marked)
    vectors = place(items.loc[names], names, factors, learned, embedding.own_after)
    index = nearest_index.build(vectors, embedding.probes, seed)
    spread = np.linspace(0, len(vectors) - 1, min(GOLDEN_QUERIES, len(vectors))).astype(int)
    queries = np.ascontiguousarray(vectors[spread])
    neighbours = nearest_index.search(index, queries, min(GOLDEN_NEIGHBOURS, len(vectors))).astype(np.int32)
    view = embedding.taste.partition(".")[0]
    tasted = next(key for key in features.counter_view(view).keys if key != task.cluster)
    space = Space(marked, vectors, learned.mean, learned.attributes, embedding.taste, tasted, queries, neighbours)
    measures = measured(index, vectors, names, factors, judged, task, embedding.k)
    ids = np.array([name.encode() for name in names], dtype=np.bytes_)
    return Embedded(space, ids, index, [str(user) for user in factors.users], factors.user_vectors, measures)


def place(items: pd.DataFrame, names: NDArray[Any], factors: Factors, learned: Content, own_after: float) -> Float32s:
    """(items, d) for each item the mean of its words' vector and its learned one, weighted by its engagements."""
    codes = {name: attribute.codes(content.marked(items[name])) for name, attribute in learned.attributes.items()}
    from_words = sum((learned.attributes[name].vectors[rows] for name, rows in codes.items()), start=learned.mean)
    vectors = np.array(np.broadcast_to(from_words, (len(names), len(learned.mean))), dtype=np.float32)
    places = pd.Index(names).get_indexer(pd.Index(factors.items))
    known_items = places >= 0
    engagements = factors.engagements[known_items, None]
    weighted = engagements * factors.item_vectors[known_items] + own_after * vectors[places[known_items]]
    vectors[places[known_items]] = weighted / (engagements + own_after)
    return vectors


def measured(
    index: "faiss.Index", vectors: Float32s, names: NDArray[Any], factors: Factors, judged: pd.DataFrame,
    task: Task, k: int,
) -> dict[str, float]:  # fmt: skip
    """The recall of the index for judged users: of their exactly nearest items, and of what they then engaged with.

    The index is built without users; the judged engagements are later than all that a vector was learned from.
    """
    liked = judged[judged[GAIN] > 0]
    users = np.intersect1d(factors.users, liked[task.cluster])
    judged_users = users[np.linspace(0, len(users) - 1, min(RECALL_USERS, len(users))).astype(int)]
    queries = factors.user_vectors[np.searchsorted(factors.users, judged_users)]
    neighbours = nearest_index.search(index, queries, min(k, len(vectors)))
    their_likes = liked[liked[task.cluster].isin(judged_users)]
    item = pd.Index(names).get_indexer(pd.Index(their_likes[task.item]))
    user = np.searchsorted(judged_users, their_likes[task.cluster].to_numpy())
    measures = {
        f"recall_at_{k}": recall.recall(neighbours, recall.exact(vectors, queries, k)),
        f"engaged_at_{k}": recall.hits(neighbours, user, item),
        "users": float(len(factors.users)),
        "items_engaged_with": float(len(factors.items)),
        "items": float(len(vectors)),
        "asked": float(len(judged_users)),
    }
    return {name: value for name, value in measures.items() if np.isfinite(value)}


def _checked(task: Task, features: FeatureSet) -> Embedding:
    embedding = task.embedding
    if embedding is None:
        raise DefinitionError(f"task {task.name}: no embedding is defined")
    view = embedding.taste.partition(".")[0]
    counters = {f"{v.name}.{c}" for v in features.counter_views for c in v.counters}
    if embedding.taste not in counters:
        raise DefinitionError(f"task {task.name}: taste {unknown(embedding.taste, counters)}")
    others = [key for key in features.counter_view(view).keys if key != task.cluster]
    if len(others) != 1 or others[0] not in embedding.attributes:
        raise DefinitionError(
            f"task {task.name}: taste {embedding.taste} is counted for {', '.join(others) or 'nothing'}, "
            f"which is none of the attributes {', '.join(embedding.attributes)}"
        )
    return embedding
