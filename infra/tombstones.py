"""Tombstones: who was erased, as keyed digests, so that no delivery, replay or old copy brings a person back.

The key and the digests are one file: digests without their key would recognise nobody. Without the key nobody can try
all ids until a digest fits, so that a digest may stand in an audit line or a log. The file lies beside the lake, not in
it: an older copy of the lake that is put back meets the newest tombstones.
"""

import hashlib
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from infra.atomic import atomic_write
from infra.errors import Unavailable
from infra.settings import WRITER_WAIT_S
from infra.writer_lock import exclusive

FILE = "tombstones.json"
DIGEST_BYTES = 16


class _Stored(msgspec.Struct, frozen=True):
    """The file: the key, in hexadecimal, and the digests."""

    key: str
    digests: tuple[str, ...] = ()


@dataclass(frozen=True)
class Tombstones:
    """The erased people as of one look at the file; an absent file names nobody."""

    key: bytes = b""
    digests: frozenset[str] = field(default_factory=frozenset)

    def __bool__(self) -> bool:
        return bool(self.digests)

    def __contains__(self, person: object) -> bool:
        return bool(self.digests) and isinstance(person, str) and self.digest(person) in self.digests

    def digest(self, person: str) -> str:
        """What stands for a person in audit lines and logs; empty before anybody was erased here."""
        return hashlib.blake2b(person.encode(), key=self.key, digest_size=DIGEST_BYTES).hexdigest() if self.key else ""


def erasures_beside(lake: Path) -> Path:
    """The folder of a lake's tombstones."""
    return lake.absolute().parent / "erasures"


def read_tombstones(folder: Path) -> Tombstones:
    """The tombstones; raises Unavailable when they cannot be read: then nobody knows who must not come back."""
    try:
        stored = msgspec.json.decode((folder / FILE).read_bytes(), type=_Stored)
        return Tombstones(bytes.fromhex(stored.key), frozenset(stored.digests))
    except FileNotFoundError:
        return Tombstones()
    except (msgspec.MsgspecError, ValueError) as broken:
        raise Unavailable(
            f"{folder / FILE}: who was erased cannot be read: {broken}. Put back its newest copy; without one the "
            "people it named come back when their events are replayed."
        ) from broken


def bury(folder: Path, people: Iterable[str], wait_s: float = WRITER_WAIT_S) -> Tombstones:
    """Add people, durably; returns all tombstones. A person who is there already changes nothing."""
    with exclusive(folder / ".lock", "tombstones", wait_s):
        before = read_tombstones(folder)
        after = Tombstones(before.key or secrets.token_bytes(32))
        after = Tombstones(after.key, before.digests | {after.digest(person) for person in people})
        if after != before:
            with atomic_write(folder / FILE) as draft:
                stored = _Stored(after.key.hex(), tuple(sorted(after.digests)))
                with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
                    file.write(msgspec.json.encode(stored))
                    file.flush()
                    os.fsync(file.fileno())
        return after
