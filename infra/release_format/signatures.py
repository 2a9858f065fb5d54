"""The signatures in a registry's folder: `manifest.sig` beside a manifest, and the last member of `live.json`.

Both are over bytes as they stand, so that nothing has to be parsed before it is known who wrote it.
"""

import re
from pathlib import Path

from infra.errors import ReleaseNotSigned
from infra.release_format.file_names import MANIFEST, SIGNATURE
from infra.signing import NEXT, PublicKeys, Signature, Signer

MEMBER = re.compile(rb',"signature":"([0-9a-f]{16}:[0-9a-f]{128})"\}\s*\Z')
LARGEST_POINTER = 1 << 20  # bytes of a pointer: a larger one is not read


def signed_pointer(pointer: bytes, signer: Signer, system: str) -> bytes:
    """The pointer of a system, a JSON object, with its signature as one more member; an older one is replaced."""
    bare = _bare(pointer)[0].rstrip()
    signature = signer.sign(_pointer_of(system), bare)
    return bare[:-1] + b',"signature":"%s"}' % str(signature).encode()


def checked_pointer(raw: bytes, keys: PublicKeys, system: str) -> bytes:
    """The pointer without its signature, which is one of these keys'; raises ReleaseNotSigned otherwise."""
    bare, signature = _bare(raw[: LARGEST_POINTER + 1])
    if signature is None or len(raw) > LARGEST_POINTER:
        raise ReleaseNotSigned(f"the pointer of {system} bears no signature. {NEXT}.")
    keys.check(_pointer_of(system), bare, signature, f"the pointer of {system}")
    return bare


def signature_of(manifest: bytes, signer: Signer, system: str) -> bytes:
    """The bytes of `manifest.sig` for the bytes of a manifest."""
    return f"{signer.sign(_release_of(system), manifest)}\n".encode()


def must_be_signed(folder: Path, keys: PublicKeys, system: str, version: str) -> None:
    """Raise ReleaseNotSigned unless the manifest in a release's folder bears a signature of one of these keys."""
    what = f"the manifest of release {version} of {system}"
    try:
        manifest, text = (folder / MANIFEST).read_bytes(), (folder / SIGNATURE).read_bytes()
        signature = Signature.parse(text[:LARGEST_POINTER].decode("ascii"))
    except FileNotFoundError as absent:
        if (folder / MANIFEST).exists():
            raise ReleaseNotSigned(f"{what} bears no signature. {NEXT}.") from absent
        raise ReleaseNotSigned(f"release {version} of {system} has no {MANIFEST}. Roll back.") from absent
    except ValueError as wrong:
        raise ReleaseNotSigned(f"{what}: {SIGNATURE} is no signature. {NEXT}.") from wrong
    keys.check(_release_of(system), manifest, signature, what)


def _bare(raw: bytes) -> tuple[bytes, Signature | None]:
    member = MEMBER.search(raw)
    if member is None:
        return raw, None
    return raw[: member.start()] + b"}", Signature.parse(member[1].decode())


def _pointer_of(system: str) -> str:
    return f"pointer of {system}"


def _release_of(system: str) -> str:
    return f"release of {system}"
