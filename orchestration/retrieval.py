"""Retrieval by embeddings: learned for a candidate, its users' vectors put online before its release can go live."""

from datetime import datetime
from pathlib import Path

import numpy as np

from feature_repo.counters import Floats
from feature_repo.embedding_space import VECTORS
from feature_repo.records import connect, keep_only_vectors, publish_vectors, vector_layout, vectors_published
from infra.atomic import whole
from infra.errors import NotProven, ReleaseMismatch
from infra.manifest import read_manifest
from orchestration.system import Installation
from training.fitting import Embedded, Trained, build_item_space
from training.rows import Dataset

KEPT = 3  # releases that were live, whose users' vectors stay: a rollback finds them
USERS = "users.npz"  # users and their vectors beside a candidate: they do not travel with the release


def embedded(installation: Installation, data: Dataset, trained: Trained, moment: datetime) -> Embedded | None:
    """Users and items as vectors; None for a system that defines no embedding."""
    ranking = installation.system.ranking
    if ranking.embedding is None:
        return None
    return build_item_space(
        installation.spark,
        installation.lake,
        data,
        trained.rows,
        ranking,
        installation.system.features,
        moment,
        trained.seed,
    )


def keep(made: Embedded, folder: Path) -> None:
    """Put the users' vectors beside a built candidate, from where they go online when its release is to be proven."""
    users = np.array([user.encode() for user in made.users], dtype=np.bytes_)
    with whole(folder.parent / USERS) as draft, draft.open("wb") as file:
        np.savez(file, allow_pickle=False, space=np.array(_space(folder)), users=users, vectors=made.user_vectors)


def publish(installation: Installation, version: str) -> int:
    """Put the users' vectors of a release online; spaces that no kept release uses go. Returns how many users it wrote.

    Raises NotProven when the vectors were replaced by those of another candidate and are not online either.
    """
    folder = installation.registry.folder(version)
    digest, kept = _space(folder), installation.settings.home / "candidates" / installation.system.name / USERS
    if digest is None:
        return 0
    users, vectors = _kept_beside(kept, digest)
    project = installation.system.features.name
    with connect(installation.settings.redis_url) as redis:
        if users is None or vectors is None:
            if not vectors_published(redis, project, digest):
                raise NotProven(
                    f"release {version}: the users' vectors that belong to it are not online, and {kept} holds none or "
                    "those of another candidate. Train again (`flywheel run retrain`)."
                )
            return 0
        laid_out = vector_layout(project, installation.system.ranking.user, digest, vectors.shape[1])
        publish_vectors(redis, laid_out, users, vectors, read_manifest(folder).created_at)
        keep_only_vectors(redis, project, [digest, *_needed(installation)])
    return len(users)


def _kept_beside(path: Path, digest: str) -> tuple[list[str], Floats] | tuple[None, None]:
    """Users and vectors of a space, if it is they that are kept."""
    if not path.exists():
        return None, None
    with np.load(path, allow_pickle=False) as held:
        if str(held["space"]) != digest:
            return None, None
        return [user.decode() for user in held["users"].tolist()], held["vectors"]


def _needed(installation: Installation) -> list[str]:
    """The digests of the spaces of the last releases that were live, and of the newest; not of those that are gone."""
    live = list(dict.fromkeys(move.after for move in reversed(installation.registry.history())))[:KEPT]
    found = []
    for version in {*live, installation.registry.newest()}:
        try:
            found.append(_space(installation.registry.folder(version)))
        except ReleaseMismatch:  # its files were pruned: nobody can roll back to it
            continue
    return [digest for digest in found if digest]


def _space(folder: Path) -> str | None:
    """The digest of a release's embedding space, None when it has none."""
    return read_manifest(folder).files.get(VECTORS)
