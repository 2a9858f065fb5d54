"""Impression tokens: which items an answer showed to whom, signed, so that feedback on them can be trusted."""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import msgspec
import numpy as np

from infra.clock import written
from infra.errors import TokenRefused
from infra.marks import Marks, mark

VERSION = b"\x01"
ID = 4  # bytes of a key's id
TAG = 16  # bytes kept of the HMAC: half of SHA-256's, the least that RFC 2104 advises; a guess hits once in 2^128
START = len(VERSION) + ID


@dataclass(frozen=True, slots=True)
class Impression:
    """One answer, as its token has it: `marks` are the marks of its items from the top.

    `request_id` is 32 hexadecimal digits, `issued_at` and `expires_at` whole seconds since the epoch.
    """

    request_id: str
    user: str
    marks: Marks
    release: str | None
    issued_at: int
    expires_at: int

    def shows(self, item: str) -> bool:
        """Whether the answer showed this item."""
        return bool((self.marks == mark(item)).any())


class _Payload(msgspec.Struct, array_like=True, frozen=True):
    request: bytes
    user: str
    marks: bytes
    release: str | None
    issued_at: int
    lasts_s: int


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Payload).decode


@dataclass(frozen=True, slots=True)
class Keys:
    """Secrets by key id (8 hexadecimal digits): `signing` signs, all verify, so that keys can change while tokens live.

    A token is base64url of: version (1 byte), key id (4), payload (msgpack), HMAC-SHA256 of all before it (16).
    """

    secrets: Mapping[str, bytes]
    signing: str

    def only_for(self, system: str) -> "Keys":
        """Keys of one system alone: a token that another system of the installation gave proves nothing there."""
        own = {
            name: hmac.digest(secret, f"cases of {system}".encode(), "sha256") for name, secret in self.secrets.items()
        }
        return Keys(own, self.signing)

    def sign(self, shown: Impression) -> str:
        """The token of an answer."""
        payload = _Payload(
            bytes.fromhex(shown.request_id), shown.user, shown.marks.tobytes(), shown.release,
            shown.issued_at, shown.expires_at - shown.issued_at,
        )  # fmt: skip
        signed = VERSION + bytes.fromhex(self.signing) + _encode(payload)
        return _text(signed + _tag(self.secrets[self.signing], signed))

    def verify(self, token: str, now: float) -> Impression:
        """What a token of ours says; raises TokenRefused for one that is not ours, was changed or is too old."""
        raw = _raw(token)
        signed, tag, key = raw[:-TAG], raw[-TAG:], raw[len(VERSION) : START].hex()
        if key not in self.secrets:
            raise TokenRefused(f"it was signed with key {key}, which the keyring does not have, or no longer")
        if not hmac.compare_digest(tag, _tag(self.secrets[key], signed)):
            raise TokenRefused("it was forged or altered: its signature does not match its content")
        payload = _decode(signed[START:])
        expires = payload.issued_at + payload.lasts_s
        if now >= expires:
            raise TokenRefused(f"it expired at {written(expires)}, our clock says {written(now)}")
        marks = np.frombuffer(payload.marks, dtype="<u8")
        return Impression(payload.request.hex(), payload.user, marks, payload.release, payload.issued_at, expires)


def _tag(secret: bytes, signed: bytes) -> bytes:
    signing = _begun(secret).copy()
    signing.update(signed)
    return signing.digest()[:TAG]


@lru_cache(maxsize=16)
def _begun(secret: bytes) -> hmac.HMAC:
    """A signature that has only the secret in it: algorithm and secret are set up once, not for each page."""
    return hmac.new(secret, digestmod="sha256")


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _raw(token: str) -> bytes:
    """The bytes of a token; another spelling of the same bytes is refused, too: we would not have written it."""
    try:
        raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except (NotBase64, ValueError):
        raw = b""
    if len(raw) <= START + TAG or not raw.startswith(VERSION) or _text(raw) != token:
        raise TokenRefused("it is no token that this service gave")
    return raw
