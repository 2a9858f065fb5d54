"""Who may say what is live: signatures of releases and pointers, and what is refused."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from infra.errors import ReleaseNotSigned, Unsafe
from infra.release_format import MANIFEST, SIGNATURE, checked_pointer, must_be_signed, signature_of, signed_pointer
from infra.settings import Settings
from infra.signing import PRIVATE, PUBLIC, open_signer, read_public_keys

POINTER = b'{"champion":{"version":"7","path":"7","manifest_sha256":"ab"},"previous":null,"epoch":12}'


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    """An installation that has signed nothing yet."""
    return Settings(home=tmp_path / "home")


@pytest.fixture
def other(tmp_path: Path) -> Settings:
    """Another installation, with a key of its own."""
    return Settings(home=tmp_path / "other")


def test_a_signed_pointer_is_the_same_json_with_one_member_more(home: Settings) -> None:
    signed = signed_pointer(POINTER, open_signer(home), "feed")
    assert {name: value for name, value in json.loads(signed).items() if name != "signature"} == json.loads(POINTER)
    assert checked_pointer(signed, read_public_keys(home), "feed") == POINTER
    again = signed_pointer(signed, open_signer(home), "feed")
    assert again == signed, "it is signed once, however often that is asked"


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (lambda raw: raw.replace(b'"7"', b'"8"', 1), "changed since"),
        (lambda raw: raw.replace(b'"epoch":12', b'"epoch":99'), "changed since"),
        (lambda raw: raw.replace(b",", b", ", 1), "changed since"),
        (lambda raw: raw[:-4] + b'00"}', "changed since"),
        (lambda raw: POINTER, "bears no signature"),
        (lambda raw: raw[:-9], "bears no signature"),
        (lambda raw: raw + b'{"champion":{"version":"8"}}', "bears no signature"),
        (lambda raw: b"", "bears no signature"),
        (lambda raw: raw[:-1] + b" " * (1 << 20) + b"}", "bears no signature"),
    ],
)  # fmt: skip
def test_a_pointer_that_was_changed_is_refused(changed, says, home: Settings) -> None:  # type: ignore[no-untyped-def]
    signed = signed_pointer(POINTER, open_signer(home), "feed")
    with pytest.raises(ReleaseNotSigned, match=says) as refused:
        checked_pointer(changed(signed), read_public_keys(home), "feed")
    assert "flywheel releases --repair" in str(refused.value), "it names the next step"


def test_the_signature_of_one_thing_is_not_that_of_another(home: Settings) -> None:
    signer, keys = open_signer(home), read_public_keys(home)
    signed = signed_pointer(POINTER, signer, "feed")
    with pytest.raises(ReleaseNotSigned, match="changed since"):
        checked_pointer(signed, keys, "fraud")
    value = signature_of(POINTER, signer, "feed").decode().strip()
    as_pointer = POINTER[:-1] + f',"signature":"{value}"}}'.encode()
    with pytest.raises(ReleaseNotSigned, match="changed since"):
        checked_pointer(as_pointer, keys, "feed")


def test_another_installations_key_is_not_believed_until_its_public_half_is_given(
    home: Settings, other: Settings, tmp_path: Path
) -> None:  # fmt: skip
    signed = signed_pointer(POINTER, open_signer(other), "feed")
    open_signer(home)
    with pytest.raises(ReleaseNotSigned, match="FLYWHEEL_RELEASE_PUBLIC_KEY"):
        checked_pointer(signed, read_public_keys(home), "feed")
    both = tmp_path / "both.pub"
    both.write_bytes((home.home / PUBLIC).read_bytes() + (other.home / PUBLIC).read_bytes())
    keys = read_public_keys(home.model_copy(update={"release_public_key": both}))
    assert checked_pointer(signed, keys, "feed") == POINTER
    assert len(keys.ids) == 2


def test_a_service_needs_the_public_key_alone_and_says_so_where_it_has_none(home: Settings, tmp_path: Path) -> None:
    with pytest.raises(ReleaseNotSigned, match=r"no public key .*FLYWHEEL_RELEASE_PUBLIC_KEY"):
        read_public_keys(home)
    (tmp_path / "empty.pub").write_text("")
    (tmp_path / "broken.pub").write_text("-----BEGIN PUBLIC KEY-----\nnot this\n-----END PUBLIC KEY-----\n")
    for name in ("empty", "broken"):
        with pytest.raises(ReleaseNotSigned, match="Copy it anew"):
            read_public_keys(home.model_copy(update={"release_public_key": tmp_path / f"{name}.pub"}))
    assert not (home.home / PRIVATE).exists(), "looking makes no key"


def test_the_key_is_made_once_and_only_its_owner_may_read_it(home: Settings) -> None:
    first = open_signer(home)
    assert open_signer(home).id == first.id
    assert (home.home / PRIVATE).stat().st_mode & 0o777 == 0o600
    os.chmod(home.home / PRIVATE, 0o644)
    with pytest.raises(Unsafe, match="chmod 600"):
        open_signer(home)
    os.chmod(home.home / PRIVATE, 0o600)
    (home.home / PRIVATE).write_text("gone")
    with pytest.raises(Unsafe, match="--repair"):
        open_signer(home)


def test_a_new_key_is_believed_beside_the_old_one_until_that_is_removed(home: Settings) -> None:
    old = signed_pointer(POINTER, open_signer(home), "feed")
    (home.home / PRIVATE).unlink()
    new = signed_pointer(POINTER, open_signer(home), "feed")
    keys = read_public_keys(home)
    assert checked_pointer(old, keys, "feed") == checked_pointer(new, keys, "feed") == POINTER
    pem = (home.home / PUBLIC).read_bytes().split(b"-----BEGIN")[-1]
    (home.home / PUBLIC).write_bytes(b"-----BEGIN" + pem)
    with pytest.raises(ReleaseNotSigned):
        checked_pointer(old, read_public_keys(home), "feed")


def test_a_release_is_signed_by_its_manifest(home: Settings, other: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "7"
    folder.mkdir()
    with pytest.raises(ReleaseNotSigned, match=r"no manifest\.json"):
        must_be_signed(folder, _keys(home), "feed", "7")
    (folder / MANIFEST).write_bytes(b"{}")
    with pytest.raises(ReleaseNotSigned, match="release 7 of feed bears no signature"):
        must_be_signed(folder, _keys(home), "feed", "7")
    (folder / SIGNATURE).write_bytes(b"\xff\x00 rubbish")
    with pytest.raises(ReleaseNotSigned, match=r"manifest\.sig is no signature"):
        must_be_signed(folder, _keys(home), "feed", "7")
    (folder / SIGNATURE).write_bytes(signature_of(b"{}", open_signer(other), "feed"))
    with pytest.raises(ReleaseNotSigned, match="is not"):
        must_be_signed(folder, _keys(home), "feed", "7")
    (folder / SIGNATURE).write_bytes(signature_of(b"{}", open_signer(home), "feed"))
    must_be_signed(folder, _keys(home), "feed", "7")
    (folder / MANIFEST).write_bytes(b"{ }")
    with pytest.raises(ReleaseNotSigned, match="changed since"):
        must_be_signed(folder, _keys(home), "feed", "7")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="this machine has no openssl to compare with")
def test_the_keys_are_those_of_openssl(home: Settings, tmp_path: Path) -> None:
    """Who checks by other means can: what is signed is DSSE's encoding, the key is a PEM file."""
    signer = open_signer(home)
    encoded = b"DSSEv1 24 flywheel release of feed 2 {}"
    (tmp_path / "content").write_bytes(encoded)
    (tmp_path / "value").write_bytes(signer.sign("release of feed", b"{}").value)
    check = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", str(home.home / PUBLIC), "-rawin", "-in"]
    done = subprocess.run([*check, "content", "-sigfile", "value"], cwd=tmp_path, capture_output=True, check=False)
    assert b"Verified Successfully" in done.stdout, done.stderr


def _keys(home: Settings):  # type: ignore[no-untyped-def]
    open_signer(home)
    return read_public_keys(home)
