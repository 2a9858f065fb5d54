"""The keyring: the keys that sign impressions and the tokens that callers show, in one file that only we may read."""

import os
import secrets
import stat
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from infra.errors import Unsafe
from infra.settings import Settings
from serving.access.roles import ROLES, Role, loopback

if TYPE_CHECKING:
    from serving.tokens import Keys

NEW_KEY_AHEAD_S = 60.0  # a new key signs later: first every worker and machine must have read it
Bearer = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._~+/=-]{32,256}$")]


class SigningKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One signing key: it signs from a moment (seconds since the epoch) until a newer one does."""

    id: Annotated[str, Meta(pattern=r"^[0-9a-f]{8}$")]
    secret: Annotated[str, Meta(pattern=r"^[0-9a-f]{64,128}$")]
    signs_from: float


class Keyring(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Signing keys from the oldest, and for each role the bearer tokens that hold it."""

    keys: Annotated[tuple[SigningKey, ...], Meta(min_length=1)]
    tokens: dict[Role, tuple[Bearer, ...]]

    def signing(self, now: float) -> "Keys":
        """The keys as they stand `now`: the newest that has begun signs, the oldest where none has."""
        from serving.tokens import Keys  # numpy with it, which a command that only shows a token can do without

        signs = [key for key in self.keys if key.signs_from <= now] or self.keys[:1]
        return Keys({key.id: bytes.fromhex(key.secret) for key in self.keys}, signs[-1].id)

    def rotated(self, now: float, lives_s: float) -> "Keyring":
        """With a new key that signs soon, and without keys whose tokens have all expired."""
        needed = [old for old, newer in pairwise(self.keys) if newer.signs_from + lives_s > now]
        return msgspec.structs.replace(self, keys=(*needed, self.keys[-1], _key(now + NEW_KEY_AHEAD_S)))


def open_keyring(settings: Settings) -> Keyring:
    """The installation's keyring; made at first use where only this machine can reach the service.

    Raises Unsafe when the service can be reached from elsewhere and no keyring was named for that.
    """
    must_name_keyring(settings)
    path = keyring_path(settings)
    if settings.keyring is None:
        _make(path)
    return read_keyring(path)


def must_name_keyring(settings: Settings) -> None:
    """Raises Unsafe when the service can be reached from elsewhere and no keyring was named for that."""
    if settings.keyring is None and not loopback(settings.service_host):
        raise Unsafe(
            f"service: {settings.service_host} can be reached from elsewhere, and FLYWHEEL_KEYRING names no file of "
            "secrets. Name one (`flywheel token` makes keyring.json in FLYWHEEL_HOME), or listen on 127.0.0.1."
        )


def keyring_path(settings: Settings) -> Path:
    """The keyring's file."""
    return settings.keyring or settings.home / "keyring.json"


def read_keyring(path: Path) -> Keyring:
    """The keyring in a file; raises Unsafe when it cannot be read, everybody can, or a secret is too short."""
    try:
        if path.stat().st_mode & stat.S_IRWXO:
            raise Unsafe(f"keyring {path}: everybody on this machine may use it. `chmod 600` it, change its secrets.")
        return msgspec.json.decode(path.read_bytes(), type=Keyring)
    except (OSError, msgspec.MsgspecError, UnicodeError) as wrong:
        raise Unsafe(f"keyring {path}: {wrong}. See docs/serving.md, Access.") from wrong


def rotate_keyring(path: Path, now: float, lives_s: float) -> str:
    """Give the keyring in a file a new signing key; returns the key's id. Running services read it by themselves."""
    rotated = read_keyring(path).rotated(now, lives_s)
    draft = _draft(path, rotated)
    draft.replace(path)
    return rotated.keys[-1].id


def bearer(settings: Settings, role: Role) -> dict[str, str]:
    """The header that a caller of this installation sends to act in a role."""
    tokens = open_keyring(settings).tokens.get(role, ())
    if not tokens:
        raise Unsafe(f"keyring {keyring_path(settings)}: no token holds the role `{role}`. Add one under `tokens`.")
    return {"authorization": f"Bearer {tokens[0]}"}


def _make(path: Path) -> None:
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = _draft(path, Keyring((_key(0.0),), {role: (secrets.token_urlsafe(32),) for role in ROLES}))
    with suppress(FileExistsError):  # another process was faster, and its keyring counts
        os.link(draft, path)
    draft.unlink()


def _draft(path: Path, keyring: Keyring) -> Path:
    """The keyring in a file beside its place, complete and synced, so that no half-written one is read."""
    draft = path.with_name(f".{path.name}-{os.getpid()}-{secrets.token_hex(4)}")
    file = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(file, "wb") as out:
        out.write(msgspec.json.format(msgspec.json.encode(keyring)))
        out.flush()
        os.fsync(out.fileno())
    return draft


def _key(signs_from: float) -> SigningKey:
    return SigningKey(secrets.token_hex(4), secrets.token_hex(32), signs_from)
