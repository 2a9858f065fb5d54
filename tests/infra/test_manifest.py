"""A release is exactly what its manifest says, or it is refused."""

import json
from datetime import UTC, datetime

import pytest

from infra.errors import ReleaseMismatch
from infra.manifest import digest_of, read_manifest, verify, write_manifest

FACTS = {
    "system": "home_feed", "version": "7", "created_at": datetime(2026, 5, 3, tzinfo=UTC), "kind": "linear",
    "features": ("taste",), "dataset_digest": "d" * 64,
}  # fmt: skip


@pytest.fixture
def release(tmp_path):
    (tmp_path / "recipe.json").write_bytes(b'{"service": "home_feed_v1"}')
    (tmp_path / "model.json").write_bytes(b'{"coefficients": [1]}')
    (tmp_path / "plots").mkdir()
    (tmp_path / "plots" / "gain.txt").write_bytes(b"x")
    write_manifest(tmp_path, **FACTS)
    return tmp_path


def test_a_release_as_built_is_verified(release):
    manifest = verify(release)
    assert manifest.features_digest == digest_of(b'{"service": "home_feed_v1"}')
    assert set(manifest.files) == {"recipe.json", "model.json", "plots/gain.txt"}
    assert manifest.created_at == FACTS["created_at"]
    assert len(manifest.digest) == 64


def edit(release, **changed):
    told = json.loads((release / "manifest.json").read_bytes()) | changed
    (release / "manifest.json").write_bytes(json.dumps(told).encode())


BROKEN = {
    "a changed file of the same length": (lambda r: (r / "model.json").write_bytes(b'{"coefficients": [2]}'), "sha256"),
    "a longer file": (lambda r: (r / "model.json").write_bytes(b'{"coefficients": [1, 2]}'), "bytes"),
    "an absent file": (lambda r: (r / "model.json").unlink(), "files absent: model.json"),
    "an extra file": (lambda r: (r / "extra.pkl").write_bytes(b""), "not in the manifest: extra.pkl"),
    "an extra file deeper down": (lambda r: (r / "plots" / "more").write_bytes(b""), "plots/more"),
    "a link out of the folder": (lambda r: (r / "link").symlink_to("/dev/null"), "leads out of the folder"),
    "no manifest": (lambda r: (r / "manifest.json").unlink(), "cannot be read"),
    "a manifest that is no JSON": (lambda r: (r / "manifest.json").write_bytes(b"{"), "cannot be read"),
    "a manifest without a version": (lambda r: edit(r, version=None), "cannot be read"),
    "another features digest": (lambda r: edit(r, features_digest="0" * 64), "not that of recipe.json"),
    "sizes left out": (lambda r: edit(r, sizes={}), "files absent"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_release_that_is_not_what_it_says_is_refused(case, release):
    harm, told = BROKEN[case]
    harm(release)
    with pytest.raises(ReleaseMismatch, match=told):
        verify(release)


def test_a_manifest_needs_the_recipe_and_every_fact(release, tmp_path):
    with pytest.raises(ReleaseMismatch, match="dataset_digest"):
        write_manifest(release, **{k: v for k, v in FACTS.items() if k != "dataset_digest"})
    (release / "recipe.json").unlink()
    with pytest.raises(ReleaseMismatch, match=r"recipe\.json is absent"):
        write_manifest(release, **FACTS)


def test_the_manifest_can_be_written_again(release):
    first = read_manifest(release)
    assert write_manifest(release, **FACTS) == first
