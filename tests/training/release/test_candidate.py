"""The candidate: built, judged and recorded in one go, and found again only where every gate let it pass."""

import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from shop import AT, FEATURES, LIMITS, START, TASK, served, wares

from feature_repo.embedding_space import VECTORS
from infra.clock import Clock
from infra.errors import NotProven
from infra.lake import Lake
from infra.manifest import verify, write_manifest
from infra.settings import Settings
from training.fitting.train import Trained
from training.registry import tracking
from training.registry.registry import Registry
from training.release.candidate import Candidate, ReleaseInputs, build_and_judge, make_candidate
from training.release.user_vectors import keep_user_vectors, read_user_vectors, space_digest, user_vectors_file
from training.rows.dataset import Dataset


@pytest.fixture
def inputs(home: Settings, registry: Registry) -> ReleaseInputs:
    """A shop whose wares are described, and of which nothing was received that waits."""
    day, lake = START.date() - timedelta(days=1), Lake(home.lake)
    known = pa.array([START - timedelta(days=1)] * 200, pa.timestamp("us", tz="UTC"))
    described = pa.Table.from_pandas(wares(), preserve_index=False).append_column("event_timestamp", known)
    lake.replace("profiles/wares", day, described)
    return ReleaseInputs(
        home, "shop", lake, registry, replace(TASK, also=()), FEATURES, (), LIMITS, 28, b'{"policy": 1}',
        lambda data, trained: {"judged.txt": str(len(trained.rows["judge"])).encode()}, lambda release, rows: 1.0,
        served, lambda data, rows: data.matrix[rows],
    )  # fmt: skip


def test_a_candidate_is_built_judged_recorded_and_found_again(inputs: ReleaseInputs, shop: Dataset) -> None:
    with pytest.raises(NotProven, match=r"shop: there is no candidate\. Train one"):
        Candidate.load(inputs.settings, "shop")
    made = make_candidate(inputs, shop, AT, Clock(AT))
    found = Candidate.load(inputs.settings, "shop")
    assert found.figures == made.figures
    assert found.verdict.passed
    assert found.verdict.subject == verify(found.folder).digest
    assert (found.folder / "policy.json").read_bytes() == b'{"policy": 1}'
    assert int((found.folder / "judged.txt").read_bytes()) > 0, "what its maker hands over travels with it"
    run = tracking.mlflow_client(inputs.settings).get_run(found.report.run_id)
    assert run.data.tags["winner"] == found.figures.winner
    assert inputs.registry.register(found.folder, found.report, found.verdict) == "1"


def test_a_candidate_that_a_gate_refused_is_not_found(inputs: ReleaseInputs, shop: Dataset) -> None:
    strict = replace(inputs, limits=replace(LIMITS, min_rows=10**9), task=_baselines(inputs))
    made = make_candidate(strict, shop, AT, Clock(AT))
    assert not made.verdict.passed
    with pytest.raises(NotProven, match=r"the newest candidate was refused: .*rows"):
        Candidate.load(inputs.settings, "shop")


def test_while_a_new_candidate_is_made_the_old_one_is_none(inputs: ReleaseInputs, shop: Dataset) -> None:
    make_candidate(replace(inputs, task=_baselines(inputs)), shop, AT, Clock(AT))

    def interrupted(data: Dataset, trained: Trained) -> dict[str, bytes]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_candidate(replace(inputs, task=_baselines(inputs), extra=interrupted), shop, AT, Clock(AT))
    with pytest.raises(NotProven, match="there is no candidate"):
        Candidate.load(inputs.settings, "shop")


def test_what_is_judged_without_a_registry_entry_leaves_no_candidate(
    inputs: ReleaseInputs, shop: Dataset, trained: Trained, tmp_path: Path
) -> None:
    verdict = build_and_judge(inputs, shop, trained, AT, tmp_path / "thrown" / "release")
    assert verdict.passed, verdict.reasons()
    assert not inputs.folder.exists()


def test_users_vectors_are_read_only_for_the_space_they_were_learned_in(tmp_path: Path, built: Path) -> None:
    folder = tmp_path / "release"
    shutil.copytree(built, folder)
    (folder / "manifest.json").unlink()
    (folder / VECTORS).write_bytes(b"a space")
    facts: Any = {"system": "shop", "version": "1", "created_at": AT, "kind": "column", "features": (),
                  "dataset_digest": ""}  # fmt: skip
    write_manifest(folder, **facts)
    learned: Any = SimpleNamespace(users=["ada", "bö"], user_vectors=np.eye(2, dtype=np.float32))
    keep_user_vectors(learned, folder)
    kept, space = user_vectors_file(folder), space_digest(folder)
    assert space is not None
    users, vectors = read_user_vectors(kept, space)
    assert users == ["ada", "bö"]
    assert np.array_equal(vectors, np.eye(2))
    assert read_user_vectors(kept, "another space") == (None, None)
    assert read_user_vectors(tmp_path / "nowhere" / "users.npz", space) == (None, None)
    assert space_digest(built) is None, "a release without an embedding"


def _baselines(inputs: ReleaseInputs) -> Any:
    """The task with nothing to learn: quick."""
    return replace(inputs.task, contenders=TASK.contenders[:2])
