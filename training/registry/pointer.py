"""Writing the pointer that serving follows: what it says after some moves, replaced in one step."""

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from infra.release_format import Challenger, LivePointer, NamedRelease
from training.registry.history import durable
from training.registry.moves import Move, epoch_of
from training.registry.standing import standing


def of(moves: Sequence[Move]) -> LivePointer:
    """What the pointer says after these moves, of which at least one made a release live."""
    manifests, now = {move.after: move.manifest for move in moves}, standing(moves)
    champion, *before = [NamedRelease(version, version, manifests[version]) for version in reversed(now.stack[-2:])]
    trial = now.trial
    named = NamedRelease(trial.version, trial.version, manifests[trial.version]) if trial else None
    challenger = Challenger(named, trial.share, trial.salt) if trial and named else None
    return LivePointer(champion, before[0] if before else None, challenger, epoch_of(moves))


def write(path: Path, pointer: LivePointer, sign: Callable[[bytes], bytes]) -> None:
    """Replace the pointer in one step by one that is signed."""
    durable(path, sign(msgspec.json.encode(pointer)))
