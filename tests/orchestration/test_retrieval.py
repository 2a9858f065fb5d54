"""Users' vectors go online when a release is to be proven, and they are those that belong to it."""

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest

from feature_repo.embedding_space import VECTORS
from feature_repo.records import connect, made_views, redis_records
from infra.errors import NotProven, ReleaseMismatch
from infra.manifest import Manifest
from infra.release_format import MANIFEST
from infra.settings import Settings
from orchestration import retrieval
from orchestration.systems.home_feed import HOME_FEED
from training.release.candidate import candidate_folder
from training.release.user_vectors import keep_user_vectors, user_vectors_file

AT = datetime(2026, 5, 12, tzinfo=UTC)


def built(folder: Path, space: str) -> Path:
    """A folder with the manifest of a release whose embedding space has this digest."""
    manifest = Manifest(
        system="home_feed", version="1", created_at=AT, kind="linear", features=(), features_digest="",
        dataset_digest="", files={VECTORS: space}, sizes={},
    )  # fmt: skip
    folder.mkdir(parents=True)
    (folder / MANIFEST).write_bytes(msgspec.json.encode(manifest))
    return folder


@pytest.fixture
def at(tmp_path: Path, redis_url: str) -> Any:
    """An installation with releases 1, which was live and is gone from the disk, and 2, whose vectors are kept."""
    settings = Settings(home=tmp_path, redis_url=redis_url)
    candidate = built(settings.candidates / "release", "b" * 64)
    learned: Any = SimpleNamespace(users=["ada", "böb"], user_vectors=np.ones((2, 4), dtype=np.float32))
    keep_user_vectors(learned, candidate)

    def folder(version: str) -> Path:
        if version == "1":
            raise ReleaseMismatch("release 1: pruned")
        return candidate

    history = lambda: [SimpleNamespace(after="1")]  # noqa: E731
    registry = SimpleNamespace(folder=folder, history=history, newest=lambda: "2")
    return SimpleNamespace(system=HOME_FEED, settings=settings, registry=registry)


def online(at: Any) -> dict[str, list[tuple[str, ...]]]:
    """The users whose vectors are online, by view."""
    with connect(at.settings.redis_url) as redis:
        views = made_views.remembered(redis, at.system.features.name)
        return {name: sorted(redis_records.read_all_records(redis, view).keys) for name, view in views.items()}


def test_the_vectors_beside_the_candidate_go_online_though_an_older_release_was_pruned(at: Any) -> None:
    assert online(at) == {}
    assert retrieval.publish(at, "2") == 2
    assert online(at) == {"user_vector_bbbbbbbb": [("ada",), ("böb",)]}


def test_vectors_of_another_candidate_are_not_taken_for_those_of_the_release(at: Any, tmp_path: Path) -> None:
    release = built(tmp_path / "registered", "c" * 64)
    at.registry.folder = lambda version: release
    with pytest.raises(NotProven, match="those of another candidate"):
        retrieval.publish(at, "2")
    assert online(at) == {}


def test_vectors_that_are_online_already_need_no_file(at: Any) -> None:
    retrieval.publish(at, "2")
    user_vectors_file(candidate_folder(at.settings, "home_feed")).unlink()
    assert retrieval.publish(at, "2") == 0
    assert len(online(at)) == 1
