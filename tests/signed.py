"""Releases and pointers written by hand, signed as a registry signs them: a service takes no others."""

import hashlib
from pathlib import Path
from typing import Any

import msgspec

from infra.release_format import LIVE, MANIFEST, SIGNATURE, signature_of, signed_pointer
from infra.settings import Settings
from infra.signing import Signer, open_signer


def signer_of(registry: Path) -> Signer:
    """The signer of the home that a registry's folder is in."""
    return open_signer(Settings(home=registry.parents[2]))


def sign(folder: Path, signer: Signer | None = None, system: str | None = None) -> None:
    """Sign the manifest in the folder of a release, as it stands."""
    registry = folder.parent
    content = (folder / MANIFEST).read_bytes()
    (folder / SIGNATURE).write_bytes(signature_of(content, signer or signer_of(registry), system or _system(registry)))


def point(registry: Path, version: str, digest: str | None = None, **others: Any) -> None:
    """Sign a release and make the pointer name it, by its digest or by another one; `others` are further members."""
    if (registry / version / MANIFEST).exists():
        sign(registry / version)
    own_digest = hashlib.sha256((registry / version / MANIFEST).read_bytes()).hexdigest() if digest is None else digest
    champion = {"version": version, "path": version, "manifest_sha256": own_digest}
    write_pointer(registry, {"champion": champion, "previous": None, **others})


def write_pointer(registry: Path, pointer: dict[str, Any], signer: Signer | None = None) -> None:
    """Replace the pointer by a signed one."""
    draft = registry / "live.json.draft"
    draft.write_bytes(signed_pointer(msgspec.json.encode(pointer), signer or signer_of(registry), _system(registry)))
    draft.rename(registry / LIVE)


def _system(registry: Path) -> str:
    return registry.parent.name
