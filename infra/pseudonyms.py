"""Pseudonyms: the ids of persons as a home keeps them, a keyed hash of those that come in.

A home is made with or without them. The key lies in one file that only its owner may read, outside the lake: who has
the lake alone cannot tell whose a row is. When the key is lost everybody is new, so it is kept like a password.
"""

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Literal, overload

import msgspec

from infra.errors import Unsafe
from infra.settings import Settings

FILE, MARK = "pseudonyms.json", ".pseudonyms"  # the key, and beside the tables only that there is one
PREFIX, HASHED, CHECKED = (
    "p-",
    24,
    8,
)  # a text: p-, the hash, and a hash of the hash by which a pseudonym is known again


class _Mode(msgspec.Struct, frozen=True):
    """What a home was made with: `on` has a key."""

    mode: Literal["on", "off"]
    key: str = ""


@dataclass(frozen=True, slots=True)
class Pseudonyms:
    """The pseudonyms of one home. What is one already stays as it is, so that it may be taken twice."""

    key: bytes

    @overload
    def __call__(self, raw: str) -> str: ...
    @overload
    def __call__(self, raw: int) -> int: ...
    def __call__(self, raw: str | int) -> str | int:
        """What is kept for an id: of a text a text, of a whole number a negative one; an empty text stays empty."""
        if isinstance(raw, int):
            return raw if raw < 0 else ~(int.from_bytes(self._hash(b"%d" % raw, 8), "little") >> 1)
        if not raw or self._is_one(raw):
            return raw
        hashed = self._hash(raw.encode(), HASHED // 2).hex()
        return f"{PREFIX}{hashed}{self._check(hashed)}"

    def _is_one(self, text: str) -> bool:
        known = text.startswith(PREFIX) and len(text) == len(PREFIX) + HASHED + CHECKED
        return known and text[-CHECKED:] == self._check(text[len(PREFIX) : -CHECKED])

    def _check(self, hashed: str) -> str:
        return self._hash(hashed.encode(), CHECKED // 2).hex()

    def _hash(self, content: bytes, size: int) -> bytes:
        return blake2b(content, key=self.key, digest_size=size).digest()


def pseudonyms(settings: Settings) -> Pseudonyms | None:
    """The pseudonyms of a home; None for one that keeps ids as they come.

    Raises Unsafe when the key cannot be read, or others can read it, or the settings ask for what the home is not.
    """
    path = settings.home / FILE
    try:
        if path.stat().st_mode & (stat.S_IRWXO | stat.S_IRWXG):
            raise Unsafe(f"{path}: others on this machine may read the key of the pseudonyms. `chmod 600` it.")
        mode = msgspec.json.decode(path.read_bytes(), type=_Mode)
        key = bytes.fromhex(mode.key)
    except FileNotFoundError:
        if any(_lakes(settings, MARK)):
            raise Unsafe(
                f"{path} is gone, and this home has pseudonyms: without the key everybody is new. Put it back."
            ) from None
        mode, key = _Mode("off"), b""
    except (OSError, msgspec.MsgspecError, ValueError) as broken:
        raise Unsafe(f"{path}: the key of the pseudonyms cannot be read: {broken}. Put back its last copy.") from broken
    if settings.pseudonyms is not None and settings.pseudonyms is not (mode.mode == "on"):
        raise Unsafe(
            f"{settings.home} was made with pseudonyms {mode.mode}, and FLYWHEEL_PSEUDONYMS says otherwise: its rows "
            f"would be nobody's. Leave the setting out, put {FILE} back where it is lost, or begin a new home."
        )
    return Pseudonyms(key) if mode.mode == "on" else None


def stored_id(settings: Settings, raw: str) -> str:
    """What a home keeps for the id of a person: its pseudonym, or in a home without them the id itself."""
    ids = pseudonyms(settings)
    return ids(raw) if ids else raw


def choose_mode(settings: Settings) -> None:
    """Write down how a home keeps ids: with pseudonyms, unless the settings say no or rows were taken in before."""
    if not (settings.home / FILE).exists() and not any(_lakes(settings, MARK)):
        on = settings.pseudonyms is not False and not any(_lakes(settings, "ledger"))
        _write(settings.home / FILE, _Mode("on", secrets.token_hex(32)) if on else _Mode("off"))
    if pseudonyms(settings) and settings.lake.is_dir():
        (settings.lake / MARK).touch()


def _lakes(settings: Settings, content: str) -> Iterator[Path]:
    """What has that name in the lake of any system: all systems of a home keep ids in one way."""
    return settings.home.glob(f"systems/*/lake/{content}")


def _write(path: Path, mode: _Mode) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}-{os.getpid()}-{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        file.write(msgspec.json.encode(mode))
        file.flush()
        os.fsync(file.fileno())
    with suppress(FileExistsError):  # another process was faster, and its key counts
        os.link(draft, path)
    draft.unlink()
