"""The users' vectors of a candidate's embedding space: a file beside it, because they are no part of the release."""

from collections.abc import Collection
from pathlib import Path

import numpy as np

from feature_repo.embedding_space import VECTORS
from infra.arrays import Float32s
from infra.atomic import atomic_write
from infra.manifest import read_manifest
from training.fitting import Embedded

USERS = "users.npz"


def keep_user_vectors(embedded: Embedded, folder: Path) -> None:
    """Write them beside a built candidate; they are published online before its release is proven."""
    users = np.array([user.encode() for user in embedded.users], dtype=np.bytes_)
    space = np.array(space_digest(folder))
    with atomic_write(user_vectors_file(folder)) as draft, draft.open("wb") as file:
        np.savez(file, allow_pickle=False, space=space, users=users, vectors=embedded.user_vectors)


def read_user_vectors(path: Path, space: str) -> tuple[list[str], Float32s] | tuple[None, None]:
    """Users and their vectors (users, d); None when the file is absent or holds the vectors of another space."""
    if not path.exists():
        return None, None
    with np.load(path, allow_pickle=False) as stored:
        if str(stored["space"]) != space:
            return None, None
        return [user.decode() for user in stored["users"].tolist()], stored["vectors"]


def remove_user_vectors(path: Path, people: Collection[str], *, dry_run: bool = False) -> int:
    """Remove the vectors of some users from such a file; returns how many there were."""
    if not path.exists():
        return 0
    with np.load(path, allow_pickle=False) as stored:
        space, users, vectors = stored["space"], stored["users"], stored["vectors"]
    about = np.isin(users, np.array([person.encode() for person in people], dtype=np.bytes_))
    if about.any() and not dry_run:
        with atomic_write(path) as draft, draft.open("wb") as file:
            np.savez(file, allow_pickle=False, space=space, users=users[~about], vectors=vectors[~about])
    return int(about.sum())


def user_vectors_file(folder: Path) -> Path:
    """The file with the users' vectors of the candidate in this folder."""
    return folder.parent / USERS


def space_digest(folder: Path) -> str | None:
    """The digest of a release's embedding space, None when it has none."""
    return read_manifest(folder).files.get(VECTORS)
