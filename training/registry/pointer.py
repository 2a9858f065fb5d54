"""`live.json`, the pointer that serving follows: which release is live, and the digest of its manifest."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from training.registry.history import durable
from training.registry.moves import Move, standing


class Named(msgspec.Struct, frozen=True):
    """A release, where its files are, and the sha256 of its manifest; an empty one is not compared."""

    version: str
    path: str
    manifest_sha256: str = ""


class Pointer(msgspec.Struct, frozen=True):
    """The release that is live, and the one that a rollback makes live."""

    champion: Named
    previous: Named | None = None

    def names(self, other: "Pointer") -> bool:
        """Whether both name the same releases with the same files."""
        return _same(self.champion, other.champion) and _same(self.previous, other.previous)


def of(moves: Sequence[Move]) -> Pointer:
    """What the pointer says after these moves, of which there is at least one."""
    manifests = {move.after: move.manifest for move in moves}
    named = [Named(version, version, manifests[version]) for version in standing(moves)[-2:]]
    return Pointer(named[-1], named[0] if len(named) > 1 else None)


def read(path: Path) -> Pointer | None:
    """The pointer as it stands; None when it is gone or cannot be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Pointer)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None


def write(path: Path, pointer: Pointer) -> None:
    """Replace the pointer in one step."""
    durable(path, msgspec.json.encode(pointer))


def _same(one: Named | None, other: Named | None) -> bool:
    if one is None or other is None:
        return one is other
    digests = {one.manifest_sha256, other.manifest_sha256} - {""}
    return one.version == other.version and len(digests) < 2
