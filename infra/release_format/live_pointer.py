"""`live.json`, the pointer that serving follows: which release is live, and the digest of its manifest."""

from pathlib import Path

import msgspec

from infra.errors import ReleaseMismatch


class NamedRelease(msgspec.Struct, frozen=True):
    """A release, where its files are, and the sha256 of its manifest; an empty one is not compared.

    path  from the folder of the pointer; empty: the folder named like the version
    """

    version: str
    path: str = ""
    manifest_sha256: str = ""


class Challenger(msgspec.Struct, frozen=True):
    """A release on trial beside the champion: it answers `share` per cent of the askers, at 0 it is only in shadow.

    salt  what askers are drawn with (serving/assignment.py): another trial draws others
    """

    release: NamedRelease
    share: int = 0
    salt: str = ""


class LivePointer(msgspec.Struct, frozen=True):
    """The release that is live, the one that a rollback makes live, and the one on trial.

    epoch  the number of moves that led here: a pointer with a smaller one is older
    """

    champion: NamedRelease
    previous: NamedRelease | None = None
    challenger: Challenger | None = None
    epoch: int = 0

    def names(self, other: "LivePointer") -> bool:
        """Whether both name the same releases with the same files, and the same share for the one on trial."""
        return (
            _same(self.champion, other.champion)
            and _same(self.previous, other.previous)
            and _same_trial(self.challenger, other.challenger)
        )


def read_live_pointer(path: Path) -> LivePointer | None:
    """The pointer; None when it is gone or cannot be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=LivePointer)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None


def read_champion(path: Path) -> NamedRelease | None:
    """The release that is live; None when there is no pointer or no champion in it.

    Raises ReleaseMismatch for a champion without a version, ValueError for what is no JSON.
    """
    try:
        return champion_in(path.read_bytes(), path)
    except FileNotFoundError:
        return None


def champion_in(pointer: bytes, path: Path) -> NamedRelease | None:
    """The release that is live by a pointer that was read; raises as `read_champion`."""
    try:
        return msgspec.json.decode(pointer, type=_Champion).champion
    except msgspec.ValidationError as error:
        raise ReleaseMismatch(f"{path}: the champion has no version. Promote one (`flywheel promote`).") from error


def challenger_in(pointer: bytes, path: Path) -> Challenger | None:
    """The release on trial by a pointer that was read; raises ReleaseMismatch when that part of it is damaged."""
    try:
        named = msgspec.json.decode(pointer, type=_Challenger).challenger
    except msgspec.MsgspecError as error:
        raise ReleaseMismatch(
            f"{path}: the challenger cannot be read: {error}. Abort it (`flywheel abort`)."
        ) from error
    if named is not None and not 0 <= named.share <= 100:
        raise ReleaseMismatch(f"{path}: the challenger's share is {named.share} per cent: it must be 0 to 100.")
    return named


def previous_in(pointer: bytes) -> NamedRelease | None:
    """The release that a rollback makes live, by a pointer that was read; None where that part of it is damaged."""
    try:
        return msgspec.json.decode(pointer, type=_Previous).previous
    except msgspec.MsgspecError:
        return None


class _Champion(msgspec.Struct, frozen=True):
    """The part of the pointer that serving needs: the rest may be damaged."""

    champion: NamedRelease | None = None


class _Previous(msgspec.Struct, frozen=True):
    """The part of the pointer that a rollback needs."""

    previous: NamedRelease | None = None


class _Challenger(msgspec.Struct, frozen=True):
    """The part of the pointer that a trial needs."""

    challenger: Challenger | None = None


def _same(first: NamedRelease | None, second: NamedRelease | None) -> bool:
    if first is None or second is None:
        return first is second
    digests = {first.manifest_sha256, second.manifest_sha256} - {""}
    return (first.version, _folder(first)) == (second.version, _folder(second)) and len(digests) < 2


def _folder(release: NamedRelease) -> str:
    return release.path or release.version


def _same_trial(first: Challenger | None, second: Challenger | None) -> bool:
    if first is None or second is None:
        return first is second
    return _same(first.release, second.release) and (first.share, first.salt) == (second.share, second.salt)
