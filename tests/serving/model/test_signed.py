"""A service believes what the registry signed; anything else is refused, and it goes on with what it served."""

import asyncio
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from infra.errors import ReleaseMismatch, ReleaseNotSigned
from infra.release_format import LIVE, SIGNATURE
from infra.settings import Settings
from infra.signing import PRIVATE, PUBLIC, Signer, open_signer
from serving import metrics
from serving.definition import FollowValues
from serving.model import ReleaseFollower, SignedRegistry, proving
from serving.model.release_cache import ReleaseCache
from tests.serving.conftest import World
from tests.signed import point, sign, write_pointer

VALUES = FollowValues(retry_s=0.0)


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A registry's folder with two releases, the first of which is live; no Redis is asked."""
    small = World(Settings(home=tmp_path / "home", redis_url="redis://127.0.0.1:1/0"))
    for version in ("1", "2"):
        small.release(version, kind="column")
    point(small.registry, "1", epoch=5)
    return small


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The folders that came to their trial, which all pass."""
    folders: list[str] = []

    async def passes(folder: Path, *_: Any) -> None:
        folders.append(folder.name.partition("-")[0])

    monkeypatch.setattr(proving, "prove_in_child", passes)
    return folders


def follower(world: World, load: Callable[[Path], Any] | None = None) -> Any:
    """A follower as a worker has it; what it loads is only the version."""
    return ReleaseFollower(world.settings, "home_feed", VALUES, load or _loaded, SimpleNamespace())


def _loaded(folder: Path) -> Any:
    version = json.loads((folder / "manifest.json").read_bytes())["version"]
    return SimpleNamespace(version=version, policy=None, scorer=None, needs_deployment=())


def follows(a_follower: Any) -> str | None:
    """Look once; returns the version that answers."""
    asyncio.run(a_follower._follow())
    return a_follower.live.version if a_follower.live else None


def refused(why: str) -> float:
    """How many pointers were refused so far for a reason."""
    return metrics.POINTERS_REFUSED.labels(why)._value.get()


def other_signer(world: World) -> Signer:
    """Who signs for another installation."""
    return open_signer(Settings(home=world.settings.home / "elsewhere"))


def wrong_key(world: World) -> None:
    pointer = json.loads((world.registry / LIVE).read_bytes())
    del pointer["signature"]
    write_pointer(world.registry, pointer | {"epoch": 9}, other_signer(world))


def edited(world: World) -> None:
    path = world.registry / LIVE
    path.write_bytes(
        path.read_bytes().replace(b'"version":"1"', b'"version":"2"').replace(b'"path":"1"', b'"path":"2"')
    )


def without(world: World) -> None:
    (world.registry / LIVE).write_text(json.dumps({"champion": {"version": "2", "path": "2"}, "epoch": 9}))


def nonsense(world: World) -> None:
    (world.registry / LIVE).write_bytes(b"\xff" * 3_000_000)


def pipe(world: World) -> None:
    (world.registry / LIVE).unlink()
    os.mkfifo(world.registry / LIVE)


def undone(world: World) -> None:
    """Make way for a pointer, whatever is in its place."""
    (world.registry / LIVE).unlink()


@pytest.mark.parametrize("spoil", [wrong_key, edited, without, nonsense, pipe], ids=lambda spoil: spoil.__name__)
def test_a_pointer_that_the_registry_did_not_sign_is_refused(
    spoil: Callable[[World], None], world: World, tried: list[str]
) -> None:
    service, before = follower(world), refused("signature")
    assert follows(service) == "1"
    spoil(world)
    for _ in range(3):
        assert follows(service) == "1", "it goes on with what it served"
    assert "flywheel releases --repair" in service.why
    assert refused("signature") == before + 1, "once, however often it looks"
    assert tried == ["1"]
    undone(world)
    point(world.registry, "2", epoch=6)
    assert follows(service) == "2"
    assert service.why is None


def test_an_old_pointer_is_refused_by_every_worker_and_after_a_restart(world: World, tried: list[str]) -> None:
    service, before = follower(world), refused("old")
    old = (world.registry / LIVE).read_bytes()
    point(world.registry, "2", epoch=6)
    assert follows(service) == "2"
    (world.registry / LIVE).write_bytes(old)
    assert follows(service) == "2"
    assert "epoch 5, and 6 was seen here" in service.why
    assert "flywheel releases --restored" in service.why
    assert refused("old") == before + 1
    (world.settings.serving / "releases" / "last.json").unlink()
    again = follower(world)
    assert follows(again) is None, "another worker has not seen it itself, and knows"
    assert "6 was seen here" in again.why
    point(world.registry, "1", epoch=1_900_000_000)  # as `flywheel releases --restored` numbers it
    assert follows(service) == follows(again) == "1"


def test_a_disk_that_is_full_keeps_nobody_from_going_back(
    world: World, tried: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    service = follower(world)
    assert follows(service) == "1"
    point(world.registry, "2", epoch=6)
    assert follows(service) == "2"
    old = (world.registry / LIVE).read_bytes()

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(SignedRegistry, "_write", full)
        point(world.registry, "1", epoch=7)
        assert follows(service) == "1"
        (world.registry / LIVE).write_bytes(old)
        follows(service)
        assert "7 was seen here" in service.why, "it is remembered as long as the process lives"


def test_which_epoch_was_seen_must_be_readable(world: World, tried: list[str]) -> None:
    service = follower(world)
    assert follows(service) == "1"
    (world.settings.serving / "epoch.json").write_bytes(b"{")
    point(world.registry, "2", epoch=6)
    assert follows(service) == "1"
    assert "remove this file" in service.why
    (world.settings.serving / "epoch.json").unlink()
    assert follows(service) == "2"


def test_a_release_without_the_registrys_signature_never_comes_to_its_trial(world: World, tried: list[str]) -> None:
    service = follower(world)
    assert follows(service) == "1"
    point(world.registry, "2", epoch=6)
    for spoil in (
        (world.registry / "2" / SIGNATURE).unlink,
        lambda: sign(world.registry / "2", other_signer(world)),
    ):
        spoil()
        assert follows(service) == "1"
        assert "release 2 was refused" in service.why
        assert "flywheel releases --repair" in service.why
    sign(world.registry / "2", system="fraud")
    assert follows(service) == "1", "a release of another system is none of ours"
    assert tried == ["1"]
    sign(world.registry / "2")
    assert follows(service) == "2"


def test_files_that_were_changed_in_the_services_own_copy_are_not_loaded(world: World, tried: list[str]) -> None:
    assert follows(follower(world)) == "1"
    (copy,) = (world.settings.serving / "releases").glob("1-*/manifest.json")
    copy.write_bytes(copy.read_bytes() + b" ")
    service = follower(world)
    asyncio.run(service._resume())
    assert service.live is None
    assert follows(service) == "1", "it is fetched anew"
    assert tried == ["1", "1"]


def test_copies_of_older_code_are_fetched_anew_after_everything_was_signed(world: World, tried: list[str]) -> None:
    assert follows(follower(world)) == "1"
    for path in (world.settings.serving / "releases").rglob(SIGNATURE):
        path.unlink()
    service = follower(world)
    asyncio.run(service._resume())
    assert follows(service) == "1"
    assert service.why is None


def test_a_service_has_the_public_key_alone(world: World, tried: list[str], tmp_path: Path) -> None:
    shutil.copy(world.settings.home / PUBLIC, tmp_path / "release.pub")
    (world.settings.home / PRIVATE).unlink()
    (world.settings.home / PUBLIC).unlink()
    bare = follower(world)
    assert follows(bare) is None
    assert "FLYWHEEL_RELEASE_PUBLIC_KEY" in bare.why
    named = World(world.settings.model_copy(update={"release_public_key": tmp_path / "release.pub"}))
    assert follows(follower(named)) == "1"


def test_whatever_loading_raises_refuses_the_release(world: World, tried: list[str]) -> None:
    service = follower(world)
    assert follows(service) == "1"

    def deep(folder: Path) -> Any:
        raise RecursionError("maximum recursion depth exceeded")

    broken = follower(world, deep)
    assert follows(broken) is None
    assert "RecursionError" in broken.why
    signed = SignedRegistry(world.settings, "home_feed")
    with pytest.raises(ReleaseMismatch, match="cannot be loaded"):
        signed.loaded(deep, next((world.settings.serving / "releases").glob("1-*"), world.registry / "1"))
    (world.registry / "1" / SIGNATURE).unlink()
    with pytest.raises(ReleaseNotSigned):
        signed.loaded(_loaded, world.registry / "1")


def test_a_trial_may_not_take_all_memory_and_leaves_no_core(world: World, tmp_path: Path) -> None:
    """The model's file is refused in the child, whose limits hold; the parent has parsed nothing."""
    folder = world.registry / "1"
    np.savez(folder / "golden.npz", inputs=np.zeros((4, 3), np.float32), scores=np.zeros(4, np.float32))
    world.manifest(folder, "1", "column")
    with pytest.raises(ReleaseMismatch, match="golden rows are"):
        asyncio.run(proving.prove_in_child(folder, 60.0))
    (folder / "golden.npz").write_bytes(_promising_more_than_there_is(1 << 40))
    world.manifest(folder, "1", "column")
    with pytest.raises(ReleaseMismatch, match=r"MemoryError|allocate|cannot|ended with"):
        asyncio.run(proving.prove_in_child(folder, 60.0))


def _promising_more_than_there_is(count: int) -> bytes:
    """An archive of arrays whose header says that there are so many numbers."""
    import io
    import zipfile

    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({count}, 3), }}"
    raw = b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little") + header.ljust(117).encode() + b"\n"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in ("inputs.npy", "scores.npy"):
            archive.writestr(name, raw)
    return out.getvalue()


def test_tidying_is_not_hindered_by_a_copy_that_another_worker_moves_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def looked_at(path: Path) -> bool:
        if path.name == ".3.77" and path.exists():
            path.rename(tmp_path / "3")  # the copy is complete
        return True

    for name in ("1", "2", ".3.77"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(Path, "is_dir", looked_at)
    ReleaseCache(tmp_path, tmp_path, 1, lambda folder, version: None).tidy({"1", "3"})
    assert sorted(path.name for path in tmp_path.iterdir() if not path.name.startswith(".")) == ["1", "3"]
