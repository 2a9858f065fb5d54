"""What a registry signs: the manifest of each release that passed, and the pointer at each move.

An installation may be older than its signatures, or its key may be another one now. Then everything that MLflow and the
history prove is signed, once for each key: a release whose verdict passed, whose files are those that were registered.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

import msgspec

from infra.errors import FlywheelError, ReleaseMismatch, ReleaseNotSigned, Unavailable
from infra.manifest import verify
from infra.release_format import (
    LIVE,
    MANIFEST,
    SIGNATURE,
    checked_pointer,
    must_be_signed,
    signature_of,
    signed_pointer,
)
from infra.settings import Settings
from infra.signing import Signer, open_signer, read_public_keys
from training.registry.history import durable
from training.registry.local_files import Local
from training.registry.moves import Move
from training.registry.versions import MANIFEST_SHA256, SIGNED, Versions

PASSED = "passed"


class _Signed(msgspec.Struct, frozen=True):
    """The key with which everything here is signed."""

    key: str = ""


class Signatures:
    """Signs for one system. Whoever calls `settle` holds the history's lock."""

    def __init__(self, settings: Settings, name: str, versions: Versions, local: Local) -> None:
        self._settings, self._name, self._versions, self._local = settings, name, versions, local
        self._folder = settings.of(name).releases
        self._mark, self._pointer = self._folder / "signed.json", self._folder / LIVE

    @cached_property
    def signer(self) -> Signer:
        """The signer of this installation; its key is made at first use."""
        return open_signer(self._settings)

    def pointer(self, raw: bytes) -> bytes:
        """A pointer's bytes with a signature."""
        return signed_pointer(raw, self.signer, self._name)

    def of_manifest(self, raw: bytes) -> bytes:
        """The signature of a manifest, as it lies beside it."""
        return signature_of(raw, self.signer, self._name)

    def demand(self, version: str, folder: Path) -> None:
        """Raise ReleaseNotSigned for a release that no service would take; a signature that MLflow has is put back."""
        keys = read_public_keys(self._settings)
        try:
            must_be_signed(folder, keys, self._name, version)
        except ReleaseNotSigned:
            self._local.fetched(version)
            must_be_signed(folder, keys, self._name, version)

    def lost(self, version: str) -> bool:
        """Whether a release whose files are here bears no valid signature, in an installation that signs."""
        if not self._mark.exists() or self._local.manifest(version) is None:
            return False
        try:
            must_be_signed(self._folder / version, read_public_keys(self._settings), self._name, version)
        except ReleaseNotSigned:
            return True
        return False

    def take_over(self, moves: Sequence[Move]) -> list[str]:
        """Sign what was published before there were signatures, or with another key; says what was signed."""
        if self._done():
            return []
        tags = {version: self._versions.tags(version) for version in self._versions.complete()}
        passed = {v: (own["digest"], own[MANIFEST_SHA256]) for v, own in tags.items() if own.get("verdict") == PASSED}
        were_live = {move.after: (move.digest, move.manifest) for move in moves if move.goes_live}
        signed, sentences = [], []
        for version, digests in (were_live | passed).items():
            try:
                self._sign(version, *digests, stored=version in tags)
                signed.append(version)
            except Unavailable:  # not for good: what is not signed now has to be signed next time
                raise
            except FlywheelError as lost:
                sentences.append(f"Release {version} could not be signed: {lost}")
        durable(self._mark, msgspec.json.encode(_Signed(self.signer.id)))
        if signed:
            which = f"release{'s' if len(signed) > 1 else ''} {', '.join(signed)}"
            sentences.append(f"{self._name}: {which} passed and bore no signature of key {self.signer.id}: signed now.")
        return sentences

    def settle(self, moves: Sequence[Move], point: Callable[[Sequence[Move]], None], *, anew: bool) -> list[str]:
        """Have a pointer without a valid signature written anew; says what was done.

        point  writes what the moves say: what somebody else wrote is never signed, however much it looks like it
        anew   whether the key is another one now
        """
        wrong = self.disagreement() if moves else None
        if wrong is None and not (anew and self._pointer.exists()):
            return []
        try:
            point(moves)
        except ReleaseMismatch as gone:
            return [f"{wrong or self._pointer} It could not be written anew: {gone}"]
        return [f"{wrong} It was signed: it says what the history says."] if wrong else []

    def disagreement(self) -> str | None:
        """What is wrong with the pointer's signature; None where it is right, or there is no pointer."""
        try:
            checked_pointer(self._pointer.read_bytes(), read_public_keys(self._settings), self._name)
        except FileNotFoundError:
            return None
        except ReleaseNotSigned as wrong:
            return f"{self._pointer}: {wrong}"
        return None

    def _done(self) -> bool:
        """Whether everything was signed with the key that signs now."""
        try:
            return msgspec.json.decode(self._mark.read_bytes(), type=_Signed).key == self.signer.id
        except (FileNotFoundError, msgspec.MsgspecError):
            return False

    def _sign(self, version: str, digest: str, manifest: str, *, stored: bool) -> None:
        """Sign a release's manifest, here and in MLflow; raises ReleaseMismatch where its files are others now."""
        folder = self._local.as_it_was(version, digest) if stored else self._folder / version
        if stored and self._local.manifest(version) != manifest:
            self._local.fetched(version)
        if verify(folder).digest != digest or self._local.manifest(version) != manifest:
            raise ReleaseMismatch(f"release {version}: its files are not those that were live. Train another one.")
        signature = self.of_manifest((folder / MANIFEST).read_bytes())
        if stored:
            self._versions.tag(version, SIGNED, signature.decode())
        durable(folder / SIGNATURE, signature)
