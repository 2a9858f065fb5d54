"""What a registry signs, and what becomes of an installation that is older than its signatures."""

import json
from pathlib import Path

import pytest
from shop import AT

from infra.errors import ReleaseMismatch, ReleaseNotSigned, Unavailable
from infra.release_format import LIVE, SIGNATURE, checked_pointer, must_be_signed
from infra.settings import Settings
from infra.signing import PRIVATE, PUBLIC, read_public_keys
from tests.training.conftest import Add
from tests.training.registry.test_registry import later, promote
from training.registry import tracking
from training.registry.local_files import Local
from training.registry.registry import Registry
from training.registry.versions import MANIFEST_SHA256, SIGNED, Versions


def folder(home: Settings) -> Path:
    """Where the shop's releases are."""
    return home.of("shop").releases


def epoch(home: Settings) -> int:
    """The epoch of the pointer, which is signed."""
    signed = checked_pointer((folder(home) / LIVE).read_bytes(), read_public_keys(home), "shop")
    return int(json.loads(signed)["epoch"])


def forget(home: Settings, *versions: str) -> None:
    """Take the signature of some releases, or of every one, away, here and in MLflow."""
    for version in versions or Versions(home, "shop").complete():
        (folder(home) / version / SIGNATURE).unlink(missing_ok=True)
        tracking.mlflow_client(home).delete_model_version_tag("shop", version, SIGNED)


def unsigned(home: Settings) -> None:
    """Make the installation what it was before there were signatures."""
    forget(home)
    for name in (PRIVATE, PUBLIC):
        (home.home / name).unlink()
    (folder(home) / "signed.json").unlink()
    pointer = json.loads((folder(home) / LIVE).read_bytes())
    del pointer["signature"]
    (folder(home) / LIVE).write_text(json.dumps(pointer))


def test_every_move_is_signed_and_so_is_each_release_that_passed(live_home: Settings, live_registry: Registry) -> None:
    before = epoch(live_home)
    promote(live_registry, "3", 5)
    assert epoch(live_home) > before
    for version in ("1", "2", "3"):
        must_be_signed(live_registry.folder(version), read_public_keys(live_home), "shop", version)
    assert live_registry.settle() == live_registry.disagreements() == []


def test_an_installation_made_before_is_signed_by_one_repair_and_by_no_second_one(
    live_home: Settings, live_registry: Registry
) -> None:
    unsigned(live_home)
    registry = Registry(live_home, "shop")
    (says,) = registry.disagreements()
    assert "no public key" in says
    assert "flywheel releases --repair" in says
    said = " ".join(registry.repair("ann", later(5)))
    assert "releases 1, 2, 3 passed and bore no signature" in said
    assert epoch(live_home), "and so is the pointer"
    for version in ("1", "2", "3"):
        must_be_signed(registry.folder(version), read_public_keys(live_home), "shop", version)
    assert registry.repair("ann", later(6)) == registry.disagreements() == []
    forget(live_home, "3")  # a release that is slipped in later gets none
    assert registry.repair("ann", later(7)) == []
    with pytest.raises(ReleaseNotSigned, match="release 3 of shop bears no signature"):
        promote(registry, "3", 8)


def test_the_first_move_of_newer_code_signs_what_is_served(live_home: Settings, live_registry: Registry) -> None:
    unsigned(live_home)
    promote(Registry(live_home, "shop"), "3", 5)
    assert epoch(live_home)
    must_be_signed(folder(live_home) / "2", read_public_keys(live_home), "shop", "2")


def test_a_release_whose_files_were_changed_is_not_signed(live_home: Settings, live_registry: Registry) -> None:
    unsigned(live_home)
    tracking.mlflow_client(live_home).set_model_version_tag("shop", "2", MANIFEST_SHA256, "0" * 64)
    said = " ".join(Registry(live_home, "shop").repair("ann", later(5)))
    assert "Release 2 could not be signed" in said
    assert "releases 1, 3 passed" in said
    assert not (folder(live_home) / "2" / SIGNATURE).exists()


def test_a_lost_key_is_replaced_and_everything_is_signed_anew(live_home: Settings, live_registry: Registry) -> None:
    (live_home.home / PRIVATE).unlink()
    old = (live_home.home / PUBLIC).read_bytes()
    registry = Registry(live_home, "shop")
    assert "bore no signature of key" in " ".join(registry.repair("ann", later(5)))
    new = (live_home.home / PUBLIC).read_bytes().removeprefix(old)
    (live_home.home / PUBLIC).write_bytes(new)
    assert epoch(live_home), "also by those who believe the new key alone"
    must_be_signed(folder(live_home) / "2", read_public_keys(live_home), "shop", "2")


def test_a_pointer_with_another_signature_is_written_anew(live_home: Settings, live_registry: Registry) -> None:
    path = folder(live_home) / LIVE
    path.write_bytes(path.read_bytes().replace(b'"signature":"', b'"signature":"0'))
    (says,) = live_registry.disagreements()
    assert "bears no signature" in says
    (said,) = live_registry.settle()
    assert "It was signed" in said
    assert epoch(live_home)


def forged(home: Settings) -> None:
    """Write a pointer as somebody without the key would, who wants release 1 served in the name of 2."""
    pointer = json.loads((folder(home) / LIVE).read_bytes())
    del pointer["signature"]
    pointer["champion"] = {"version": "2", "path": "1", "manifest_sha256": ""}
    (folder(home) / LIVE).write_text(json.dumps(pointer))


def test_what_somebody_else_wrote_into_the_pointer_is_not_signed(live_home: Settings, live_registry: Registry) -> None:
    forged(live_home)
    assert live_registry.settle()
    assert epoch(live_home)
    assert json.loads((folder(live_home) / LIVE).read_bytes())["champion"]["path"] == "2"


def test_a_forged_pointer_stays_unsigned_where_the_right_one_cannot_be_written(
    live_home: Settings, live_registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(local: Local, version: str) -> Path:
        raise ReleaseMismatch(f"release {version}: its files are gone")

    forged(live_home)
    monkeypatch.setattr(Local, "folder", gone)
    monkeypatch.setattr(Local, "manifest", lambda local, version: None)
    assert any("could not be written anew" in said for said in live_registry.settle())
    with pytest.raises(ReleaseNotSigned):
        epoch(live_home)


def test_a_signature_that_is_gone_is_put_back_before_a_rollback_points_to_its_release(
    live_home: Settings, live_registry: Registry
) -> None:
    for version in ("1", "2"):
        (folder(live_home) / version / SIGNATURE).unlink()
    assert [f"release {version} bears no valid signature" in said for version, said in
            zip(("2", "1"), live_registry.disagreements(), strict=True)] == [True, True]  # fmt: skip
    live_registry.rollback("ann", "worse", later(5))
    for version in ("1", "2"):
        must_be_signed(folder(live_home) / version, read_public_keys(live_home), "shop", version)
    assert live_registry.disagreements() == []


def test_no_rollback_goes_to_a_release_that_no_service_would_take(live_home: Settings, live_registry: Registry) -> None:
    forget(live_home, "1")
    with pytest.raises(ReleaseNotSigned, match="release 1 of shop bears no signature"):
        live_registry.rollback("ann", "worse", later(5))
    assert live_registry.live() == "2"


def test_what_could_not_be_signed_while_mlflow_was_down_is_signed_later(
    live_home: Settings, live_registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(versions: Versions, number: str, name: str, value: str) -> None:
        raise Unavailable("MLflow does not answer.")

    unsigned(live_home)
    registry = Registry(live_home, "shop")
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(Versions, "tag", down)
        with pytest.raises(Unavailable):
            registry.repair("ann", later(5))
    registry.repair("ann", later(6))
    must_be_signed(folder(live_home) / "2", read_public_keys(live_home), "shop", "2")


def test_a_refused_release_is_never_signed(home: Settings, add: Add) -> None:
    version = add(refused="slice")
    assert not list(home.home.rglob(SIGNATURE)), f"release {version} did not pass"


def test_after_a_restored_backup_the_epoch_is_above_all_that_was_seen(
    live_home: Settings, live_registry: Registry
) -> None:
    backup = {path: path.read_bytes() for path in folder(live_home).iterdir() if path.is_file()}
    promote(live_registry, "3", 5)
    promote(live_registry, "1", 6)
    seen = epoch(live_home)
    for path, content in backup.items():
        path.write_bytes(content)
    registry = Registry(live_home, "shop")
    assert registry.settle(), "MLflow's aliases are younger than the backup"
    assert epoch(live_home) < seen
    assert registry.restored("ann", "the disk was lost", AT.replace(year=2030)) == "2"
    assert epoch(live_home) > seen
    assert registry.history()[-1].why == "the disk was lost"
    assert registry.settle() == []
