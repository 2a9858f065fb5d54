"""An embedding space over a catalogue, as training would have learned it: around topics and creators."""

from pathlib import Path
from typing import Any

import numpy as np
from redis import Redis

from feature_repo import embedding_space
from feature_repo.embedding_space import INDEX, VECTORS, Attribute, Space
from feature_repo.records import user_vectors
from feature_repo.systems.home_feed import HOME_FEED_FEATURES as FEATURES
from infra.manifest import read_manifest
from infra.marks import marks
from tests.bench.catalogue import NOW, Catalogue
from training.fitting import nearest_index
from training.systems.home_feed import EMBEDDING

OWN, FAR = 0.4, 0.2  # how far a video lies from its words, and how unlike lengths are


def place(folder: Path, catalogue: Catalogue) -> None:
    """Put a space of every video into a release."""
    draw = _draw(catalogue)
    category, creator = _words(catalogue)
    mean = np.full(EMBEDDING.rank, 0.3, dtype=np.float32)
    vectors = mean + category[catalogue.category] + creator[catalogue.creator]
    vectors += OWN * draw.normal(size=vectors.shape).astype(np.float32)
    vectors *= draw.lognormal(0, FAR, (len(vectors), 1)).astype(np.float32)
    names = catalogue.names["video_id"]
    marked = marks(names)
    order = np.argsort(marked)
    vectors = np.ascontiguousarray(vectors[order], dtype=np.float32)
    index = nearest_index.build(vectors, EMBEDDING.probes, catalogue.scale.seed)
    queries = vectors[:: max(len(vectors) // 16, 1)][:16]
    neighbours = nearest_index.search(index, queries, 20).astype(np.int32)
    words = {
        "category": _attribute(catalogue.names["category"], category),
        "creator_id": _attribute(catalogue.names["creator_id"], creator),
    }
    space = Space(marked[order], vectors, mean, words, EMBEDDING.taste, "category", queries, neighbours)
    embedding_space.write(space, names[order].astype(np.bytes_), folder)
    nearest_index.save(index, folder / INDEX)


def publish(redis: Redis, folder: Path, catalogue: Catalogue) -> None:
    """Put every user where the topics and creators are that they know."""
    category, creator = _words(catalogue)
    vectors = category[catalogue.topics[:, :3]].mean(axis=1) + creator[catalogue.known].mean(axis=1)
    digest = read_manifest(folder).files[VECTORS]
    layout = user_vectors.vector_layout(FEATURES.name, "user_id", digest, EMBEDDING.rank)
    user_vectors.publish_vectors(redis, layout, list(catalogue.names["user_id"]), vectors.astype(np.float32), NOW)


def _words(catalogue: Catalogue) -> tuple[Any, Any]:
    """(words, d) float32 of categories and creators."""
    draw = _draw(catalogue)
    falling = (np.arange(EMBEDDING.rank) + 1.0) ** -0.35
    sizes = len(catalogue.names["category"]), len(catalogue.names["creator_id"])
    category, creator = (draw.normal(size=(size, EMBEDDING.rank)) * falling for size in sizes)
    return category.astype(np.float32), (0.6 * creator).astype(np.float32)


def _draw(catalogue: Catalogue) -> np.random.Generator:
    return np.random.default_rng([catalogue.scale.seed, 32])


def _attribute(words: Any, vectors: Any) -> Attribute:
    marked = marks(words)
    order = np.argsort(marked)
    return Attribute(marked[order], np.vstack([np.zeros((1, vectors.shape[1])), vectors[order]]).astype(np.float32))
