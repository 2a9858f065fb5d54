"""What the registry's folder says, believed only where it is signed: the pointer, and the releases it names.

An old pointer bears a signature, too. So the highest epoch that any worker has seen is kept on disk, and a pointer with
a smaller one is refused. A registry that was restored from a backup gets a higher one: `flywheel releases --restored`.
"""

import fcntl
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec

from infra.atomic import atomic_write
from infra.errors import FlywheelError, ReleaseMismatch, ReleaseNotSigned
from infra.release_format import LARGEST_POINTER, LIVE, checked_pointer, must_be_signed
from infra.settings import Settings
from infra.signing import read_public_keys
from serving import metrics

FILE = "epoch.json"
log = logging.getLogger(__name__)
Anything = TypeVar("Anything")


class _Seen(msgspec.Struct, frozen=True):
    epoch: int = 0


class SignedRegistry:
    """The folder in which a system's registry publishes its releases, and what was seen of it here."""

    def __init__(self, settings: Settings, system: str) -> None:
        own = settings.of(system)
        self._settings, self._system = own, system
        self._pointer, self._seen = own.releases / LIVE, own.serving / FILE
        self._not_noted = 0
        self._refused: bytes | None = None

    def pointer(self) -> bytes:
        """The pointer's bytes, signed by the registry and no older than one seen before.

        Raises FileNotFoundError where there is no pointer, and ReleaseNotSigned for any other.
        """
        raw = _beginning(self._pointer)
        try:
            signed = checked_pointer(raw, read_public_keys(self._settings), self._system)
            self._must_not_be_old(signed)
        except ReleaseNotSigned as refused:
            self._count(raw, "old" if isinstance(refused, _Old) else "signature")
            raise
        self._refused = None
        return signed

    def must_be_signed(self, folder: Path, version: str) -> None:
        """Raise ReleaseNotSigned unless the release in a folder bears a signature of the registry."""
        must_be_signed(folder, read_public_keys(self._settings), self._system, version)

    def loaded(self, load: Callable[[Path], Anything], folder: Path) -> Anything:
        """A release, loaded after its signature was checked; whatever loading raises is a ReleaseMismatch."""
        self.must_be_signed(folder, folder.name)
        try:
            return load(folder)
        except (FlywheelError, OSError):
            raise
        except Exception as broken:
            raise ReleaseMismatch(
                f"release {folder.name}: it cannot be loaded ({type(broken).__name__}: {broken}). Roll back."
            ) from broken

    def _must_not_be_old(self, signed: bytes) -> None:
        """Refuse a pointer that is older than one seen before; one that is newer is noted."""
        pointer, on_disk = msgspec.json.decode(signed, type=_Seen), self._read()
        seen = max(on_disk, self._not_noted)
        if pointer.epoch < seen:
            raise _Old(
                f"the pointer of {self._system} has epoch {pointer.epoch}, and {seen} was seen here: it is an old one. "
                "Where the registry was restored from a backup, say so there (`flywheel releases --restored`); else "
                "somebody has put it there, and `flywheel releases --repair` writes the right one."
            )
        if pointer.epoch > on_disk:
            self._note(pointer.epoch)

    def _note(self, epoch: int) -> None:
        """Keep an epoch on disk; where that is full in memory, because a rollback must not wait for room."""
        try:
            with self._locked():
                if epoch > self._read():
                    self._write(epoch)
            self._not_noted = 0
        except OSError as full:
            if not self._not_noted:
                log.error("releases: epoch %d could not be noted: %s", epoch, full)
            self._not_noted = epoch

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._seen.parent.mkdir(parents=True, exist_ok=True)
        with self._seen.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _read(self) -> int:
        try:
            return msgspec.json.decode(self._seen.read_bytes(), type=_Seen).epoch
        except FileNotFoundError:
            return 0
        except msgspec.MsgspecError as broken:
            raise ReleaseNotSigned(
                f"{self._seen}: which pointer was the newest cannot be read: {broken}. Make sure that the registry's "
                "pointer is the newest one, and remove this file."
            ) from broken

    def _write(self, epoch: int) -> None:
        with atomic_write(self._seen) as draft, draft.open("wb") as file:
            file.write(msgspec.json.encode(_Seen(epoch)))
            file.flush()
            os.fsync(file.fileno())

    def _count(self, raw: bytes, why: str) -> None:
        """Count a refusal once, however often the same pointer is looked at."""
        if raw != self._refused:
            metrics.POINTERS_REFUSED.labels(why).inc()
        self._refused = raw


def _beginning(path: Path) -> bytes:
    """The bytes of a file, no more than a pointer may have; of what is no file nothing: nobody waits for a pipe."""
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
        return file.read(LARGEST_POINTER + 1) or b""


class _Old(ReleaseNotSigned):
    """The pointer is older than one seen before."""

    title = ReleaseNotSigned.__name__
