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
from training.definition import Embedding, Ranking
from training.fitting import als as embeddings
from training.fitting import content, nearest_index, popular_lists, recall
from training.fitting.als import Factors
from training.fitting.content import Content
from training.rows import GAIN, Dataset
from validation.contract import unknown

if TYPE_CHECKING:
    import faiss
    from pyspark.sql import SparkSession

GOLDEN, NEIGHBOURS = 16, 20
ASKED = 500  # judged users whose neighbours are looked for


@dataclass(frozen=True)
class Embedded:
    """A space with its index, and the users in it, who do not travel with the release: (users, d) float32."""

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
    ranking: Ranking,
    features: FeatureSet,
    at: datetime,
    seed: int,
) -> Embedded:
    """Learn from the rows to fit, place every item known at a moment, and measure on the rows to judge.

    rows  part → places in the training set, as a training run divided them
    """
    of = _checked(ranking, features)
    engaged = embeddings.engaged(data, rows["fit"], ranking)
    if engaged.empty:
        raise DefinitionError(
            f"ranking {ranking.name}: nobody engaged with anything in the rows to fit; give more days"
        )
    with tempfile.TemporaryDirectory(dir=lake.root, prefix=".als-") as scratch:
        factors = embeddings.learn(spark, engaged, of, seed, Path(scratch))
    items = popular_lists.described(lake, of.profile, ranking.item, of.attributes, at).set_index(ranking.item)
    met = items.index.isin(factors.items)
    learned = content.fit(
        items[met].reindex(factors.items), factors.item_vectors, factors.engagements.astype(np.float64), of.ridge
    )
    return _made(of, features, factors, learned, items, data.frame.iloc[rows["judge"]], ranking, seed)


def _made(
    of: Embedding, features: FeatureSet, factors: Factors, learned: Content, items: pd.DataFrame,
    judged: pd.DataFrame, ranking: Ranking, seed: int,
) -> Embedded:  # fmt: skip
    names = np.array(sorted(items.index))
    marked = marks(names)
    names, marked = names[np.argsort(marked, kind="stable")], np.sort(marked)
    vectors = place(items.loc[names], names, factors, learned, of.own_after)
    index = nearest_index.build(vectors, of.probes, seed)
    queries = np.ascontiguousarray(vectors[np.linspace(0, len(vectors) - 1, min(GOLDEN, len(vectors))).astype(int)])
    found = nearest_index.search(index, queries, min(NEIGHBOURS, len(vectors))).astype(np.int32)
    view = of.taste.partition(".")[0]
    tasted = next(key for key in features.counter_view(view).keys if key != ranking.user)
    space = Space(marked, vectors, learned.mean, learned.attributes, of.taste, tasted, queries, found)
    measures = measured(index, vectors, names, factors, judged, ranking, of.k)
    ids = np.array([name.encode() for name in names], dtype=np.bytes_)
    return Embedded(space, ids, index, [str(user) for user in factors.users], factors.user_vectors, measures)


def place(items: pd.DataFrame, names: NDArray[Any], factors: Factors, learned: Content, own_after: float) -> Float32s:
    """(items, d) each item between what its words say and, the more it was engaged with, what was learned of it."""
    codes = {name: attribute.codes(content.marked(items[name])) for name, attribute in learned.attributes.items()}
    said = sum((learned.attributes[name].vectors[rows] for name, rows in codes.items()), start=learned.mean)
    vectors = np.array(np.broadcast_to(said, (len(names), len(learned.mean))), dtype=np.float32)
    places = pd.Index(names).get_indexer(pd.Index(factors.items))
    here = places >= 0
    counted = factors.engagements[here, None]
    own = (counted * factors.item_vectors[here] + own_after * vectors[places[here]]) / (counted + own_after)
    vectors[places[here]] = own
    return vectors


def measured(
    index: "faiss.Index", vectors: Float32s, names: NDArray[Any], factors: Factors, judged: pd.DataFrame,
    ranking: Ranking, k: int,
) -> dict[str, float]:  # fmt: skip
    """What the index finds of the nearest items of judged users, and of what they went on to engage with.

    The index has never seen a user; what is judged happened after everything that anybody's vector was learned from.
    """
    liked = judged[judged[GAIN] > 0]
    known = np.intersect1d(factors.users, liked[ranking.user])
    asked = known[np.linspace(0, len(known) - 1, min(ASKED, len(known))).astype(int)]
    queries = factors.user_vectors[np.searchsorted(factors.users, asked)]
    found = nearest_index.search(index, queries, min(k, len(vectors)))
    theirs = liked[liked[ranking.user].isin(asked)]
    item = pd.Index(names).get_indexer(pd.Index(theirs[ranking.item]))
    user = np.searchsorted(asked, theirs[ranking.user].to_numpy())
    found_out = {
        f"recall_at_{k}": recall.recall(found, recall.exact(vectors, queries, k)),
        f"engaged_at_{k}": recall.hits(found, user, item),
        "users": float(len(factors.users)),
        "items_engaged_with": float(len(factors.items)),
        "items": float(len(vectors)),
        "asked": float(len(asked)),
    }
    return {name: value for name, value in found_out.items() if np.isfinite(value)}


def _checked(ranking: Ranking, features: FeatureSet) -> Embedding:
    of = ranking.embedding
    if of is None:
        raise DefinitionError(f"ranking {ranking.name}: no embedding is defined")
    view = of.taste.partition(".")[0]
    counters = {f"{v.name}.{c}" for v in features.counter_views for c in v.counters}
    if of.taste not in counters:
        raise DefinitionError(f"ranking {ranking.name}: taste {unknown(of.taste, counters)}")
    others = [key for key in features.counter_view(view).keys if key != ranking.user]
    if len(others) != 1 or others[0] not in of.attributes:
        raise DefinitionError(
            f"ranking {ranking.name}: taste {of.taste} is kept for {', '.join(others) or 'nothing'}, which is none of "
            f"the attributes {', '.join(of.attributes)}"
        )
    return of
