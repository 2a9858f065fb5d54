"""A small world to serve: videos, users and their states in Redis, releases made of a tiny model, a registry folder."""

import hashlib
import json
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import redis as redis_client

from feature_repo.recipe import recipe_of
from feature_repo.records import redis_records
from feature_repo.records.layout import encode, layouts
from feature_repo.systems.home_feed import HOME_FEED_FEATURES as FEATURES
from infra import redis_server
from infra.manifest import write_manifest
from infra.settings import Settings
from serving.definition import Policy
from serving.policy_json import to_json
from serving.systems.home_feed import RELEASE, SERVED, SERVICE
from tests.serving.caller import Client
from tests.signed import point, sign

NOW = datetime(2026, 5, 3, 12, 0, tzinfo=UTC)
CATEGORIES = ("cooking", "football", "music")
LAYOUTS = layouts(FEATURES)
EXPECTED = msgspec.structs.replace(RELEASE.limits, lowest_share=0.0)  # an answer in 200 that is meant to be another one
POLICY = Policy(SERVICE, msgspec.structs.replace(RELEASE, limits=EXPECTED))
WAITING = msgspec.structs.replace(SERVICE.limits, user_ms=5000.0)
PATIENT = replace(  # for what is read, however busy the machine is
    SERVED, policy=Policy(msgspec.structs.replace(SERVICE, limits=WAITING), POLICY.release)
)
NAMES = [feature.name for feature in FEATURES.features]


@dataclass
class World:
    """Sixty videos of three categories and twenty creators; `v0` is the most watched, `v59` the newest.

    `v1` is removed, `v2` may only be shown in DE, all others everywhere. User `u1` from FR likes music.
    """

    settings: Settings
    videos: list[str] = field(default_factory=lambda: [f"v{i}" for i in range(60)])
    servers: ExitStack = field(default_factory=ExitStack)

    @property
    def registry(self) -> Path:
        """The folder that the registry publishes releases in."""
        return self.settings.releases

    def start_redis(self) -> None:
        """Start a server of this world's own, empty."""
        folder = self.settings.home / f"redis-{time.monotonic_ns()}"
        self.servers.enter_context(redis_server.running(self.settings.redis_url, folder))

    def kill_redis(self) -> None:
        """End that server."""
        self.servers.close()

    def fill(self) -> None:
        """Put everything into Redis."""
        for i in range(len(self.videos)):
            self.describe(i)
        self.count("video", [(v,) for v in self.videos], lambda i, name: 100 - i if "long_view" in name else 200)
        self.count("creator", [(f"c{i}",) for i in range(20)], lambda i, name: 10 + i)
        self.count("category", [(c,) for c in CATEGORIES], lambda i, name: 50)
        self.count("region_category", [("FR", c) for c in CATEGORIES], lambda i, name: 5)
        self.count("length", [("to_30s",)], lambda i, name: 5)
        self.count("user", [("u1",)], lambda i, name: 7)
        self.count("user_category", [("u1", "music")], lambda i, name: 30)
        self.count("user_creator", [("u1", "c2")], lambda i, name: 3)
        self.write("user_profile", [("u1",)], {
            "region": ["FR"], "language": ["fr"], "device": ["tv"], "age_group": ["18"], "status": ["active"],
            "signup_at": [int(NOW.timestamp()) - 86_400 * 100],
        })  # fmt: skip

    def describe(self, i: int, **changed: Any) -> None:
        """Write the profile of one video."""
        facts = {
            "creator_id": f"c{i % 20}", "category": CATEGORIES[i % 3], "length_class": "to_30s", "language": "fr",
            "regions": ["DE"] if i == 2 else [], "status": "removed" if i == 1 else "live", "age_rating": "0",
            "uploaded_at": int(NOW.timestamp()) - 3600 * (60 - i) * 4, "duration_s": 20.0,
        }  # fmt: skip
        self.write("video_profile", [(f"v{i}",)], {name: [value] for name, value in {**facts, **changed}.items()})

    def count(self, view: str, keys: list[tuple[str, ...]], of: Callable[[int, str], float]) -> None:
        """Write counters published a minute ago."""
        counters = LAYOUTS[view].floats
        columns: dict[str, list[Any]] = {name: [of(i, name) for i in range(len(keys))] for name in counters}
        at = int(NOW.timestamp() - 60) * 1_000_000
        self.write(view, keys, {**columns, "published_at": [at] * len(keys)})

    def write(self, view: str, keys: list[tuple[str, ...]], columns: dict[str, list[Any]]) -> None:
        """Write records as the online store does."""
        layout = LAYOUTS[view]
        floats = np.array([columns[name] for name in layout.floats], dtype=np.float32).T.reshape(len(keys), -1)
        at = np.full(len(keys), int(NOW.timestamp() - 60) * 1_000_000, dtype=np.int64)
        records = encode(layout, floats, [columns[name] for name in layout.others], at, at)
        with redis_client.Redis.from_url(self.settings.redis_url) as redis:
            redis_records.write_records(redis, layout, keys, records, NOW)

    def release(self, version: str, favourite: str = "video_long_view_1d", kind: str = "xgboost") -> Path:
        """Publish a release whose model likes one feature; nothing points to it yet."""
        folder = self.registry / version
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        rows = np.random.default_rng(7).normal(size=(400, len(NAMES))).astype(np.float32) * 4
        liked = NAMES.index(favourite)
        scores = _boosted(folder, rows, liked) if kind == "xgboost" else _column(folder, rows, liked)
        np.savez(folder / "golden.npz", inputs=rows[:50], scores=scores[:50])
        (folder / "recipe.json").write_bytes(recipe_of(FEATURES))
        items = {
            v: {"status": "live", "regions": [], "age_rating": "0", "creator_id": f"c{v[1:]}"}
            for v in self.videos[3:13]
        }
        items["v4"]["status"] = "removed"
        popular = {"all": self.videos[:13], "by_group": {"FR": ["v5"]}, "fresh": ["v12", "v11"], "items": items}
        (folder / "popular.json").write_text(json.dumps(popular))
        (folder / "policy.json").write_bytes(to_json(POLICY))
        self.manifest(folder, version, kind)
        return folder

    def manifest(self, folder: Path, version: str, kind: str) -> None:
        """State what the folder of a release holds now."""
        write_manifest(
            folder, system="home_feed", version=version, created_at="2026-05-03T00:00:00Z", kind=kind, features=NAMES,
            dataset_digest="d",
        )  # fmt: skip

    def promote(self, version: str, digest: str | None = None, **more: Any) -> None:
        """Make the pointer name a release, as the registry does."""
        point(self.registry, version, digest, **more)

    def challenge(self, champion: str, challenger: str, share: int, salt: str = "trial") -> None:
        """Make the pointer name a release on trial beside the champion."""
        self.promote(champion, challenger={"release": self.named(challenger), "share": share, "salt": salt})

    def named(self, version: str) -> dict[str, Any]:
        """A release as the pointer names it, signed."""
        sign(self.registry / version)
        digest = hashlib.sha256((self.registry / version / "manifest.json").read_bytes()).hexdigest()
        return {"version": version, "path": version, "manifest_sha256": digest}


def _boosted(folder: Path, rows: Any, liked: int) -> Any:
    import xgboost

    booster = xgboost.train({"max_depth": 4, "nthread": 1}, xgboost.DMatrix(rows, rows[:, liked]), 40)
    booster.save_model(folder / "model.ubj")
    return booster.inplace_predict(rows)


def _column(folder: Path, rows: Any, liked: int) -> Any:
    (folder / "model.json").write_text(json.dumps({"kind": "column", "index": liked, "sign": -1.0, "missing": -1e9}))
    return -rows[:, liked]


@pytest.fixture
def world(settings: Settings) -> World:
    """A filled Redis and an empty registry."""
    filled = World(settings.model_copy(update={"replay_from": NOW}))
    filled.fill()
    return filled


@pytest.fixture(scope="module")
def lasting_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The same for all tests of a module, on a Redis of its own that they may kill and start again."""
    home = tmp_path_factory.mktemp("home")
    url = f"redis://127.0.0.1:{free_port()}/0"
    lasting = World(Settings(home=home, redis_url=url, service_port=free_port(), replay_from=NOW))
    lasting.start_redis()
    lasting.fill()
    yield lasting
    lasting.kill_redis()


@pytest.fixture(scope="module")
def client(lasting_world: Any) -> Iterator[Client]:
    """An app with a live release that likes videos watched long today."""
    lasting_world.release("1")
    lasting_world.promote("1")
    with Client(lasting_world) as started:
        yield started


def free_port() -> int:
    """A port on loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
