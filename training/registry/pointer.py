"""Writing the pointer that serving follows: what it says after some moves, replaced in one step."""

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from infra.release_format import LivePointer, NamedRelease
from training.registry.history import durable
from training.registry.moves import Move, live_releases


def of(moves: Sequence[Move]) -> LivePointer:
    """What the pointer says after these moves, of which there is at least one."""
    manifests = {move.after: move.manifest for move in moves}
    named = [NamedRelease(version, version, manifests[version]) for version in live_releases(moves)[-2:]]
    return LivePointer(named[-1], named[0] if len(named) > 1 else None)


def write(path: Path, pointer: LivePointer, sign: Callable[[bytes], bytes]) -> None:
    """Replace the pointer in one step by one that is signed."""
    durable(path, sign(msgspec.json.encode(pointer)))
