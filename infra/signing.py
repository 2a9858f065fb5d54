"""Signatures of releases and of the pointer that names the live one: Ed25519, by the `cryptography` library.

The registry signs with a private key in the home. A service needs only the public key: it can check a release, and can
sign none. What is signed is said with it (the pre-authentication encoding of DSSE), so that the signature of one thing
is never that of another.
"""

import os
import secrets
import stat
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from infra.errors import ReleaseNotSigned, Unsafe
from infra.settings import Settings

PRIVATE, PUBLIC = "release_key.pem", "release_key.pub"
NEXT = "Sign it where the registry is (`flywheel releases --repair`)"
BEGIN = b"-----BEGIN PUBLIC KEY-----"


@dataclass(frozen=True)
class Signature:
    """A signature and the id of the key that made it, as text: `key:signature` in hexadecimal."""

    key: str
    value: bytes

    def __str__(self) -> str:
        return f"{self.key}:{self.value.hex()}"

    @classmethod
    def parse(cls, text: str) -> "Signature":
        """The signature in a text; raises ValueError for a text that is none."""
        key, _, value = text.strip().partition(":")
        return cls(key, bytes.fromhex(value))


class Signer:
    """Signs with the private key of a home."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.id = _id(key.public_key())

    def sign(self, kind: str, content: bytes) -> Signature:
        """The signature of some content; `kind` says what it is, such as `pointer of home_feed`."""
        return Signature(self.id, self._key.sign(_encoded(kind, content)))


class PublicKeys:
    """The keys whose signatures are believed: one, and for a while two when it is replaced."""

    def __init__(self, keys: Iterable[Ed25519PublicKey], named: str = "") -> None:
        self._keys = {_id(key): key for key in keys}
        self._named = named

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of the keys."""
        return tuple(self._keys)

    def check(self, kind: str, content: bytes, signature: Signature, what: str) -> None:
        """Raise ReleaseNotSigned unless one of the keys signed this content as this kind; `what` is named there."""
        key = self._keys.get(signature.key)
        if key is None:
            known = f"{' and '.join(self._keys)} ({self._named})"
            raise ReleaseNotSigned(
                f"{what} is signed with key {signature.key}, which is not {known}. {NEXT}, or give this service the "
                "public key of that registry (FLYWHEEL_RELEASE_PUBLIC_KEY)."
            )
        try:
            key.verify(signature.value, _encoded(kind, content))
        except InvalidSignature as wrong:
            raise ReleaseNotSigned(
                f"{what} is not as it was signed with key {signature.key} as {kind}: it was changed since. Bring it "
                "back as it was, or write it anew where the registry is (`flywheel releases --repair`)."
            ) from wrong


def open_signer(settings: Settings) -> Signer:
    """The signer of an installation; its key is made at first use, with the public half beside it.

    Raises Unsafe when the key cannot be read, or others can read it.
    """
    path = settings.home / PRIVATE
    if not path.exists():
        _make(path)
    try:
        if path.stat().st_mode & (stat.S_IRWXO | stat.S_IRWXG):
            raise Unsafe(f"{path}: others on this machine may read the key that signs releases. `chmod 600` it.")
        key = load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as wrong:
        raise Unsafe(
            f"{path}: the key that signs releases cannot be read: {wrong}. Bring it back from a backup, or move it "
            "away: `flywheel releases --repair` makes another one and signs with it what the history proves."
        ) from wrong
    if not isinstance(key, Ed25519PrivateKey):
        raise Unsafe(f"{path}: it is no Ed25519 key. Move it away; `flywheel releases --repair` makes one.")
    _publish(key.public_key(), settings.home / PUBLIC)
    return Signer(key)


def public_key_path(settings: Settings) -> Path:
    """The file of the public keys that a service believes."""
    return settings.release_public_key or settings.home / PUBLIC


def read_public_keys(settings: Settings) -> PublicKeys:
    """The public keys in that file; raises ReleaseNotSigned when there is no such file, or no key in it."""
    path = public_key_path(settings)
    try:
        blocks = [BEGIN + block for block in path.read_bytes().split(BEGIN)[1:]]
        keys = [load_pem_public_key(block) for block in blocks]
    except FileNotFoundError as absent:
        raise ReleaseNotSigned(
            f"{path}: there is no public key to check releases with. `flywheel releases --repair` makes one and signs "
            "what the history proves; elsewhere, copy that file and name it in FLYWHEEL_RELEASE_PUBLIC_KEY."
        ) from absent
    except (OSError, ValueError, UnsupportedAlgorithm) as wrong:
        raise ReleaseNotSigned(f"{path}: it holds no public keys: {wrong}. Copy it anew from the registry.") from wrong
    ours = [key for key in keys if isinstance(key, Ed25519PublicKey)]
    if not ours:
        raise ReleaseNotSigned(f"{path}: it holds no Ed25519 public key. Copy it anew from the registry's home.")
    return PublicKeys(ours, str(path))


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    key = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    draft = _draft(path, key, 0o600)
    with suppress(FileExistsError):  # another process was faster, and its key counts
        os.link(draft, path)
    draft.unlink()


def _publish(key: Ed25519PublicKey, path: Path) -> None:
    """Add the public key to the file of those that are believed here; an older one stays until somebody removes it."""
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    before = path.read_bytes() if path.exists() else b""
    if pem.strip() not in before:
        _draft(path, before + pem, 0o644).replace(path)


def _draft(path: Path, content: bytes, mode: int) -> Path:
    """The content in a file beside its place, complete and synced, so that no half-written one is read."""
    draft = path.with_name(f".{path.name}-{os.getpid()}-{secrets.token_hex(4)}")
    file = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode)
    with os.fdopen(file, "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    return draft


def _encoded(kind: str, content: bytes) -> bytes:
    """What is signed: DSSE's pre-authentication encoding of a kind and a content."""
    name = f"flywheel {kind}".encode()
    return b"DSSEv1 %d %s %d %s" % (len(name), name, len(content), content)


def _id(key: Ed25519PublicKey) -> str:
    return sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:16]
