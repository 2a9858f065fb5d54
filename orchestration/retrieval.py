"""Retrieval by embeddings: learned for a candidate, its users' vectors put online before it can go live."""

from datetime import datetime
from pathlib import Path

from feature_repo import packed_records, user_vectors
from feature_repo.embedding_space import VECTORS
from orchestration.system import Installation
from training import embedded as embedding
from training.dataset import Dataset
from training.embedded import Embedded
from training.train import Trained
from validation.manifest import read_manifest

KEPT = 3  # releases that were live, whose users' vectors stay: a rollback finds them


def embedded(at: Installation, data: Dataset, trained: Trained, moment: datetime) -> Embedded | None:
    """Users and items as vectors; None for a system that defines no embedding."""
    ranking = at.system.ranking
    if ranking.embedding is None:
        return None
    return embedding.build(at.spark, at.lake, data, trained.rows, ranking, at.system.features, moment, trained.seed)


def publish(at: Installation, made: Embedded, folder: Path, moment: datetime) -> None:
    """Write the users' vectors of a built release into the online store; spaces that no kept release uses go."""
    project, digest = at.system.features.name, read_manifest(folder).files[VECTORS]
    laid_out = user_vectors.layout_of(project, at.system.ranking.user, digest, made.space.width)
    with packed_records.connect(at.settings.redis_url) as redis:
        user_vectors.publish(redis, laid_out, made.users, made.user_vectors, moment)
        user_vectors.keep_only(redis, project, [digest, *_kept(at)])


def _kept(at: Installation) -> list[str]:
    """The digests of the spaces of the last releases that were live, and of the one that may be next."""
    live = list(dict.fromkeys(move.after for move in reversed(at.registry.history())))[:KEPT]
    newest = [at.registry.newest()] if at.registry.next_version() != "1" else []
    manifests = [read_manifest(at.registry.folder(version)) for version in {*live, *newest}]
    return [manifest.files[VECTORS] for manifest in manifests if VECTORS in manifest.files]
