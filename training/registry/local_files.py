"""The releases' files on this machine: fetched from MLflow, verified, and put where serving reads them."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra import failpoint
from infra.errors import ReleaseMismatch
from infra.manifest import Manifest, digest_of, read_manifest, verify
from infra.release_format import MANIFEST, SIGNATURE
from training.registry.history import exclusive
from training.registry.versions import MANIFEST_SHA256, RELEASE, SIGNED, Versions

FETCHED = ".fetched-"


class Local:
    """A folder with a folder for each version."""

    def __init__(self, folder: Path, versions: Versions) -> None:
        self._folder, self._versions = folder, versions

    def folder(self, version: str) -> Path:
        """The release's files, verified; fetched again when they are not there or not as they were built."""
        target = self._folder / version
        try:
            verify(target)
        except ReleaseMismatch:
            self.fetched(version)
        return target

    def fetched(self, version: str) -> Manifest:
        """The manifest of the files that MLflow stores now, which are in the version's folder afterwards.

        Raises ReleaseMismatch when they are not those that were registered.
        """
        target, tags = self._folder / version, self._versions.tags(version)
        with self._scratch() as scratch:
            downloaded = self._versions.download(version, RELEASE, scratch)
            manifest = verify(downloaded)
            if tags.get(MANIFEST_SHA256) != digest_of((downloaded / MANIFEST).read_bytes()):
                raise ReleaseMismatch(
                    f"release {version}: its stored files are not those that were registered. Train it again."
                )
            if SIGNED in tags:
                (downloaded / SIGNATURE).write_text(tags[SIGNED])
            failpoint.reached("registry-files-fetched")
            if not _same(downloaded, target):
                if target.exists():
                    target.rename(scratch / "old")
                downloaded.rename(target)
        failpoint.reached("registry-files-in-place")
        return manifest

    @contextmanager
    def _scratch(self) -> Iterator[Path]:
        """A folder to fetch into, for one process at a time; folders that a dead process left are removed first."""
        with exclusive(self._folder / "fetching.lock"):
            for left in self._folder.glob(f"{FETCHED}*"):
                shutil.rmtree(left, ignore_errors=True)
            with tempfile.TemporaryDirectory(dir=self._folder, prefix=FETCHED) as scratch:
                yield Path(scratch)

    def manifest(self, version: str) -> str | None:
        """The sha256 of the manifest on this machine, None when there is none."""
        path = self._folder / version / MANIFEST
        return digest_of(path.read_bytes()) if path.exists() else None

    def as_it_was(self, version: str, digest: str) -> Path:
        """The files of a release that was live; raises ReleaseMismatch when neither this machine nor MLflow has them.

        digest  of these files, empty when it is not known
        """
        target = self.folder(version)
        if digest and read_manifest(target).digest != digest and self.fetched(version).digest != digest:
            raise ReleaseMismatch(
                f"release {version}: its files are not those that were live. "
                "Promote another one (`flywheel promote VERSION`)."
            )
        return target


def _same(downloaded: Path, target: Path) -> bool:
    """Whether a folder holds the downloaded files already: then it is not replaced while others read it."""
    try:
        verify(target)
        names = [name for name in (MANIFEST, SIGNATURE) if (downloaded / name).exists()]
        return all((target / name).read_bytes() == (downloaded / name).read_bytes() for name in names)
    except (ReleaseMismatch, OSError):
        return False
