"""The manifest of a release: digest and size of every file, and the check that the folder holds exactly these.

manifest.json  the facts below                    recipe.json  how the model's input is made
model.*        the model, in an open format       popular.json  the lists served without a model
policy.json    the serving policy                 golden.npz   inputs and the scores they must give
embeddings.npz, item_vectors.npy, nearest.faiss   for retrieval of the items nearest to a user, where it is used
"""

import hashlib
from datetime import date, datetime
from pathlib import Path

import msgspec

from infra.atomic import atomic_write
from infra.errors import ReleaseMismatch
from infra.freshness import AS_PUBLISHED, Freshness
from infra.release_format import MANIFEST, RECIPE, SIGNATURE


class TrainingFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What has to be the same besides the training set and the recipe for training to give the same model.

    `first_day` and `last_day` bound the rows shown that it learned from. `contender` and `split` are their definitions
    as text; `code` is a digest of the source that makes a model, `commit` that of the checkout, empty without git.
    `freshness` says how fresh the states were that its rows were joined with.
    """

    target: str
    seed: int
    contender: str
    split: str
    first_day: date
    last_day: date
    rows: int
    code: str
    commit: str
    python: str
    machine: str
    libraries: dict[str, str]
    freshness: Freshness = AS_PUBLISHED  # older manifests do not have it: states were joined as published


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The facts of a release. `ranker` is the contender that ranks: a model, or a baseline that nothing beats.

    `training` says how the model can be made again.

    `files` is file → sha256, `sizes` file → bytes; the manifest itself is not among them.
    """

    system: str
    version: str
    created_at: datetime
    kind: str
    features: tuple[str, ...]
    features_digest: str
    dataset_digest: str
    files: dict[str, str]
    sizes: dict[str, int]
    ranker: str = ""  # older manifests do not have it, nor the next
    training: TrainingFacts | None = None

    @property
    def digest(self) -> str:
        """One digest of all files of the release; a verdict names it."""
        return digest_of(msgspec.json.encode(sorted(self.files.items())))


def write_manifest(folder: Path, **facts: object) -> Manifest:
    """Write the manifest of a folder that holds everything else of a release.

    facts  system, version, created_at, kind, ranker, features, dataset_digest, training; features_digest comes from
           recipe.json
    """
    if not (folder / RECIPE).is_file():
        raise ReleaseMismatch(
            f"release in {folder.name}: {RECIPE} is absent; write every artefact before the manifest."
        )
    names = _files(folder)
    digests = {name: _digest(folder / name) for name in names}
    all_facts = {"features_digest": digests[RECIPE]} | facts
    sizes = {name: (folder / name).stat().st_size for name in names}
    try:
        manifest = msgspec.convert(all_facts | {"files": digests, "sizes": sizes}, Manifest)
    except msgspec.ValidationError as error:
        raise ReleaseMismatch(
            f"release in {folder.name}: the manifest lacks a fact or has a wrong one: {error}."
        ) from error
    with atomic_write(folder / MANIFEST) as draft:
        draft.write_bytes(msgspec.json.format(msgspec.json.encode(manifest)))
    return manifest


def manifest_with_version(folder: Path, version: str) -> bytes:
    """The bytes of a folder's manifest with another version; the release's digest does not depend on it."""
    manifest = msgspec.structs.replace(read_manifest(folder), version=version)
    return msgspec.json.format(msgspec.json.encode(manifest))


def read_manifest(folder: Path) -> Manifest:
    """The manifest as written, unchecked."""
    try:
        return msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    except (OSError, msgspec.MsgspecError) as error:
        raise ReleaseMismatch(f"release in {folder.name}: {MANIFEST} cannot be read: {error}. {_next()}") from error


def verify(folder: Path) -> Manifest:
    """The manifest of a release whose every file is there, unchanged, and alone; raises ReleaseMismatch otherwise."""
    manifest = read_manifest(folder)
    release = f"release {manifest.version} of {manifest.system}"
    present, listed = set(_files(folder)), set(manifest.files)
    if present != listed or set(manifest.sizes) != listed:
        absent, extra = ", ".join(sorted(listed - present)), ", ".join(sorted(present - listed))
        raise ReleaseMismatch(
            f"{release}: files absent: {absent or 'none'}; not in the manifest: {extra or 'none'}. {_next()}"
        )
    for name, expected in manifest.files.items():
        size = (folder / name).stat().st_size
        if size != manifest.sizes[name]:
            raise ReleaseMismatch(
                f"{release}: {name} has {size} bytes, the manifest says {manifest.sizes[name]}. {_next()}"
            )
        actual = _digest(folder / name)
        if actual != expected:
            raise ReleaseMismatch(
                f"{release}: {name} has sha256 {actual[:12]}…, the manifest says {expected[:12]}…. {_next()}"
            )
    if manifest.features_digest != manifest.files.get(RECIPE):
        raise ReleaseMismatch(f"{release}: the features' digest is not that of {RECIPE}. {_next()}")
    return manifest


def digest_of(content: bytes) -> str:
    """The sha256 of some bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def _digest(path: Path) -> str:
    """The same of a file, read in parts, because a file of vectors may be as large as the memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _files(folder: Path) -> list[str]:
    """Every file below a folder but the manifest and its signature; a link counts as a file and may not lead out."""
    paths = sorted(path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    outside = [path.name for path in paths if not path.resolve().is_relative_to(folder.resolve())]
    if outside:
        raise ReleaseMismatch(f"release in {folder.name}: {', '.join(outside)} leads out of the folder. {_next()}")
    unlisted = {folder / MANIFEST, folder / SIGNATURE}
    return [path.relative_to(folder).as_posix() for path in paths if path not in unlisted]


def _next() -> str:
    return "Build it again (`flywheel run train`) or roll back (`flywheel rollback`)."
