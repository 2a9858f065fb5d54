"""Releases on this machine's disk: copied from the registry, proven once for all workers, tidied away."""

import asyncio
import contextlib
import fcntl
import hashlib
import os
import shutil
from collections.abc import AsyncIterator, Callable, Collection
from pathlib import Path

import msgspec

from infra.atomic import atomic_write
from infra.errors import ReleaseMismatch
from infra.release_format import MANIFEST, NamedRelease

LAST = "last.json"


class ReleaseCache:
    """The folder of copies. `keeps` is how many releases stay there, so that a rollback needs no registry.

    must_be_signed  raises for the folder of a version that bears no signature of the registry
    """

    def __init__(self, registry: Path, folder: Path, keeps: int, must_be_signed: Callable[[Path, str], None]) -> None:
        self._registry, self._folder, self._keeps, self._must_be_signed = registry, folder, keeps, must_be_signed

    def folder(self, name: str) -> Path:
        """Where a release is or would be."""
        return self._folder / name

    def proof(self, name: str) -> Path:
        """The file whose presence says that a release in the cache passed its trial, in whichever worker."""
        return self._folder / f"{name}.proven"

    @contextlib.asynccontextmanager
    async def alone(self, name: str) -> AsyncIterator[None]:
        """While the block runs no other worker of this machine fetches, proves or removes the release.

        A lock for each: a long trial of one keeps nobody from going back to another.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._lock(name).open("w") as lock:
            await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
            yield

    def fetch(self, release: NamedRelease, name: str) -> Path:
        """Copy a release into the cache, so that it outlives the registry."""
        source, target = self._registry / (release.path or release.version), self.folder(name)
        draft = self._folder / f".{name}.{os.getpid()}"
        shutil.rmtree(draft, ignore_errors=True)
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, draft)
        registered = release.manifest_sha256
        digest = hashlib.sha256((draft / MANIFEST).read_bytes()).hexdigest()
        if registered and registered != digest:
            shutil.rmtree(draft)
            raise ReleaseMismatch(
                f"{MANIFEST} has digest {digest[:12]}, the registry says {registered[:12]}. Promote it again."
            )
        self._must_be_signed(draft, release.version)
        draft.rename(target)
        return target

    def forget(self, name: str) -> None:
        """Remove a release, its proof first."""
        self.proof(name).unlink(missing_ok=True)
        shutil.rmtree(self.folder(name), ignore_errors=True)

    def tidy(self, used: Collection[str]) -> None:
        """Remove all but those in use and the newest of the others."""
        folders = sorted((p for p in self._folder.iterdir() if p.is_dir()), key=_made, reverse=True)
        for old in [p.name for p in folders if p.name not in used][self._keeps - 1 :]:
            with contextlib.suppress(BlockingIOError), self._lock(_owner(old)).open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # else another worker is at it
                self.forget(old)

    def last(self) -> str:
        """The name of the release that served last; raises FileNotFoundError where none did."""
        return str(msgspec.json.decode((self._folder / LAST).read_bytes())["name"])

    def note_last(self, name: str) -> None:
        """Note which release serves, for the next start."""
        with atomic_write(self._folder / LAST) as draft:
            draft.write_bytes(msgspec.json.encode({"name": name}))

    def _lock(self, name: str) -> Path:
        return self._folder / f".{name}.lock"


def _made(folder: Path) -> float:
    """When a folder was changed last; one that another worker has moved or removed meanwhile is the oldest."""
    try:
        return folder.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def name_of(release: NamedRelease) -> str:
    """The name of a release in the cache: another one with the same version is another release."""
    digest = release.manifest_sha256[:12]
    return "-".join(filter(None, [release.version.replace(os.sep, "_"), digest]))


def _owner(folder: str) -> str:
    """The release that a folder of the cache is of, or will be once it is copied."""
    return folder[1:].rpartition(".")[0] if folder.startswith(".") else folder
