"""Retrieval by embeddings: the users' vectors of a release are put online before it can go live."""

from feature_repo.records import connect, keep_only_vectors, publish_vectors, vector_layout, vectors_published
from infra.errors import NotProven, ReleaseMismatch
from infra.manifest import read_manifest
from orchestration.system import Installation
from training.release import candidate_folder, read_user_vectors, space_digest, user_vectors_file

RELEASES_WITH_VECTORS = 3  # for so many releases that were live, the vectors stay online, for a rollback


def publish(installation: Installation, version: str) -> int:
    """Put the users' vectors of a release online and remove unused ones. Returns for how many users it wrote vectors.

    Raises NotProven when the vectors were replaced by those of another candidate and are not online either.
    """
    folder = installation.registry.folder(version)
    digest = space_digest(folder)
    vectors_file = user_vectors_file(candidate_folder(installation.settings, installation.system.name))
    if digest is None:
        return 0
    users, vectors = read_user_vectors(vectors_file, digest)
    project = installation.system.features.name
    with connect(installation.settings.redis_url) as redis:
        if users is None or vectors is None:
            if not vectors_published(redis, project, digest):
                raise NotProven(
                    f"release {version}: the users' vectors that belong to it are not online, and {vectors_file} holds "
                    "none or those of another candidate. Train again (`flywheel run retrain`)."
                )
            return 0
        laid_out = vector_layout(project, installation.system.task.cluster, digest, vectors.shape[1])
        publish_vectors(redis, laid_out, users, vectors, read_manifest(folder).created_at)
        keep_only_vectors(redis, project, [digest, *_needed(installation)])
    return len(users)


def _needed(installation: Installation) -> list[str]:
    """The digests of the vectors of the last releases that were live, and of the newest, where their files exist."""
    live = list(dict.fromkeys(move.after for move in reversed(installation.registry.history())))[:RELEASES_WITH_VECTORS]
    digests = []
    for version in {*live, installation.registry.newest()}:
        try:
            digests.append(space_digest(installation.registry.folder(version)))
        except ReleaseMismatch:  # its files were pruned: a rollback to it is impossible
            continue
    return [digest for digest in digests if digest]
