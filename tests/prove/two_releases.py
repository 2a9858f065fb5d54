"""Two releases of the feed and of fraud that differ in every file which may differ, registered in real MLflow."""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from feature_repo.recipe import recipe_of
from infra.manifest import verify, write_manifest
from infra.release_format import SIGNATURE, OperatingPoint, write_operating_point
from infra.settings import Settings
from orchestration.probe_case import probe_of
from orchestration.systems.fraud import FRAUD
from serving.policy_json import to_json
from serving.systems.fraud import POLICY as FRAUD_POLICY
from tests.serving.conftest import NOW, POLICY, World
from tests.serving.model.test_nearest import embed
from training.registry import LoggedRun, Registry, experiment_id, mlflow_client
from validation.verdict import GateFinding, Verdict, gates_of

KINDS = {"home_feed": "rank", "fraud": "classify"}
ALIKE = {"recipe.json"}  # a service answers only with the features of its own checkout


@dataclass(frozen=True)
class Tried:
    """A system with two releases: their files as they were built, its registry, and how its service is asked."""

    settings: Settings
    registry: Registry
    drafts: Mapping[str, Path]
    path: str
    request: Mapping[str, Any]


def two_releases(system: str, settings: Settings, folder: Path) -> Tried:
    """Releases 1 and 2 of a system, both promoted in turn: 2 is live."""
    own = settings.of(system)
    build: Callable[[Settings, str, Path], None] = {"home_feed": _feed, "fraud": _fraud}[system]
    registry, drafts = Registry(own, system), {version: folder / version for version in "12"}
    for version, draft in drafts.items():
        build(own, version, draft)
        (draft / SIGNATURE).unlink(missing_ok=True)  # it is the registry that signs
        run = mlflow_client(own).create_run(experiment_id(own, system)).info.run_id
        gates = gates_of(KINDS[system])
        passed = tuple(GateFinding(gate, True, None, None, "by construction") for gate in gates)
        verdict = Verdict(passed, verify(draft).digest, objective=KINDS[system])
        assert registry.register(draft, LoggedRun(run, {}, {}, folder), verdict) == version
        registry.promote(version, who="proof", why=f"release {version}", at=NOW)
    if system == "fraud":
        return Tried(own, registry, drafts, "/v1/decide", probe_of(FRAUD))
    return Tried(own, registry, drafts, "/v1/feed", {"user_id": "u1", "preview": True})


def _feed(settings: Settings, version: str, draft: Path) -> None:
    """A release of the feed, with an index of near items and a reference for monitoring."""
    second = version == "2"
    world = World(settings)
    folder = world.release(version, favourite="video_age" if second else "video_duration", kind="column")
    embed(folder, world.videos[: 40 if second else 50])
    popular = json.loads((folder / "popular.json").read_bytes())
    popular["fresh"] = popular["fresh"][:: -1 if second else 1]
    (folder / "popular.json").write_text(json.dumps(popular))
    limits = msgspec.structs.replace(POLICY.release.limits, request_ms=60_000, score_ms=5_000, calm_ms=50_000 + second)
    policy = type(POLICY)(POLICY.service, msgspec.structs.replace(POLICY.release, limits=limits))
    (folder / "policy.json").write_bytes(to_json(policy))
    (folder / "reference.json").write_text(json.dumps({"release": version}))
    world.manifest(folder, version, "column")
    shutil.move(folder, draft)


def _fraud(settings: Settings, version: str, draft: Path) -> None:
    """A release of fraud whose score is the amount, or twice that, with its operating point."""
    names, times = [feature.name for feature in FRAUD.features.features], float(version)
    rows = np.random.default_rng(7).uniform(0, 900, (50, len(names))).astype(np.float32)
    draft.mkdir(parents=True)
    at = names.index("amount")
    model = {"kind": "column", "index": at, "sign": times, "missing": 0.0}
    (draft / "model.json").write_text(json.dumps(model))
    np.savez(draft / "golden.npz", inputs=rows, scores=rows[:, at] * np.float32(times))
    (draft / "recipe.json").write_bytes(recipe_of(FRAUD.features))
    (draft / "policy.json").write_bytes(
        to_json(msgspec.structs.replace(FRAUD_POLICY, lot=None if times > 1 else FRAUD_POLICY.lot))
    )
    (draft / "reference.json").write_text(json.dumps({"release": version}))
    write_operating_point(draft, OperatingPoint(100.0 * times))
    write_manifest(
        draft, system="fraud", version=version, created_at="2026-05-03T00:00:00Z", kind="column", features=names,
        dataset_digest="d",
    )  # fmt: skip
