"""Releases in real MLflow: what may go live, what is live, who moved it, and what a crash leaves behind."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
import pytest
from shop import AT

from infra.errors import NotProven, ReleaseMismatch
from infra.manifest import read_manifest
from infra.release_format import Popular
from infra.settings import Settings
from training.fitting import popular_lists, saved
from training.fitting.train import Trained
from training.registry.registry import Registry
from training.release import build as release
from training.release.report import LoggedRun
from training.rows.dataset import Dataset
from validation.verdict import Verdict

Add = Callable[..., str]


def later(minutes: float) -> datetime:
    """So many minutes after the first release."""
    return AT + timedelta(minutes=minutes)


def promote(registry: Registry, version: str, minutes: float = 0, why: str = "better") -> None:
    """Promote as somebody."""
    registry.promote(version, who="ada", why=why, at=later(minutes))


def pointer(home: Settings) -> dict[str, dict[str, str]]:
    """What serving reads."""
    return json.loads((home.of("shop").releases / "live.json").read_bytes())


def aliases(home: Settings) -> dict[str, str]:
    """What MLflow's own users see."""
    from training.registry.tracking import mlflow_client

    return {name: str(version) for name, version in mlflow_client(home).get_registered_model("shop").aliases.items()}


def test_a_release_goes_through_mlflow_and_comes_back_as_it_was(
    registry: Registry, add: Add, home: Settings, trained: Trained, shop: Dataset
) -> None:
    version = add()
    assert registry.live() is None
    assert (aliases(home), registry.stage_of("1")) == ({}, "gated")
    promote(registry, version)
    assert registry.live() == "1"
    assert aliases(home) == {"champion": "1"}
    probe = shop.matrix[:50]
    assert np.array_equal(registry.scorer("1").scores(probe), trained.fitted["xgboost"].scores(probe))
    assert registry.promised("1")["auc"] == pytest.approx(trained.metrics()["xgboost"]["auc"])
    assert registry.verdict("1").passed


def test_the_best_release_is_the_one_that_the_live_releases_verdict_names(registry: Registry, add: Add) -> None:
    assert registry.best() is None
    promote(registry, add())
    assert registry.best() == "1"
    promote(registry, add(best="1"), 1)
    assert (registry.live(), registry.best()) == ("2", "1"), "release 2 was not clearly better"
    promote(registry, add(), 2)
    assert registry.best() == "3"
    registry.rollback("ada", "long views fell", later(3))
    assert (registry.live(), registry.best()) == ("2", "1")


def test_mlflow_itself_can_load_the_champion(registry: Registry, add: Add, shop: Dataset) -> None:
    import mlflow.xgboost

    promote(registry, add())
    booster = mlflow.xgboost.load_model("models:/shop@champion")
    scores = booster.inplace_predict(shop.matrix[:20])
    assert np.allclose(scores, registry.scorer("1").scores(shop.matrix[:20]))


def test_nothing_that_is_stored_is_a_pickle(registry: Registry, add: Add, home: Settings) -> None:
    promote(registry, add())
    files = [p for p in home.home.rglob("*") if p.is_file() and p.name != "mlflow.db"]
    assert len(files) > 10
    for path in files:
        content = path.read_bytes()
        assert path.suffix not in {".pkl", ".pickle", ".joblib"}
        assert not (content[:1] == b"\x80" and content[-1:] == b"."), path
    golden = home.of("shop").releases / "1" / "golden.npz"
    with np.load(golden, allow_pickle=False) as stored:
        assert stored["inputs"].dtype == np.float32
        assert np.allclose(saved.load_contender(golden.parent).scores(stored["inputs"]), stored["scores"])


@pytest.mark.parametrize("gate", ["leakage", "baseline"])
def test_promotion_without_a_passing_verdict_is_refused(
    registry: Registry, add: Add, home: Settings, gate: str
) -> None:
    version = add(refused=gate)
    with pytest.raises(NotProven, match=f"{gate} gate: refused on purpose"):
        promote(registry, version)
    assert registry.live() is None
    assert not (home.of("shop").releases / "live.json").exists()


def test_a_passing_verdict_brought_along_does_not_replace_the_stored_one(
    registry: Registry, add: Add, verdict: Verdict
) -> None:
    version = add(refused="champion")
    with pytest.raises(NotProven, match="champion gate"):
        registry.promote(version, verdict, who="eve", why="trust me", at=AT)


def test_a_verdict_about_another_release_is_refused(
    registry: Registry, logged: LoggedRun, built: Path, verdict: Verdict
) -> None:
    with pytest.raises(ReleaseMismatch, match="another release"):
        registry.register(built, logged, Verdict(verdict.findings, "0" * 64))


def stored(home: Settings, name: str) -> Path:
    """A stored file of the one registered version."""
    return next(path for path in (home.home / "mlflow" / "artifacts").rglob(name) if path.parent.name != "report")


@pytest.mark.parametrize("name", ["release/model.ubj", "release/popular.json", "release/manifest.json", "verdict.json"])
def test_a_release_tampered_with_in_the_store_is_refused(
    registry: Registry, add: Add, home: Settings, name: str
) -> None:
    version = add()
    path = stored(home, "verdict.json").parent / name
    content = path.read_bytes()
    path.write_bytes(content.replace(b"passed", b"Passed", 1) if name == "verdict.json" else content[:-2] + b" }")
    with pytest.raises((NotProven, ReleaseMismatch)):
        promote(registry, version)
    assert registry.live() is None


def test_a_refused_verdict_rewritten_in_the_store_does_not_pass(registry: Registry, add: Add, home: Settings) -> None:
    version = add(refused="slice")
    path = stored(home, "verdict.json")
    forged = Verdict.from_json(path.read_bytes())
    good = tuple(msgspec.structs.replace(finding, passed=True) for finding in forged.findings)
    path.write_text(Verdict(good, forged.subject).to_json())
    with pytest.raises(NotProven, match="not those that were registered"):
        promote(registry, version)


def test_a_release_bears_the_number_it_is_stored_under_after_one_was_deleted_in_mlflow(
    registry: Registry, add: Add, home: Settings
) -> None:
    from training.registry.tracking import mlflow_client

    promote(registry, add())
    mlflow_client(home).delete_model_version("shop", add(refused="calibration"))
    version = add()
    assert (version, read_manifest(registry.folder(version)).version) == ("3", "3")
    promote(registry, version, 1)
    assert pointer(home)["champion"]["version"] == "3"


def test_drafts_of_the_same_number_registered_at_once_bear_different_ones(
    registry: Registry, logged: LoggedRun, built: Path, verdict: Verdict
) -> None:
    threads = ThreadPoolExecutor(2)
    versions = list(threads.map(lambda _: registry.register(built, logged, verdict), range(2)))
    assert sorted(versions) == ["1", "2"]
    assert [read_manifest(registry.folder(version)).version for version in versions] == versions
    assert read_manifest(built).version == "1", "the draft is left as it was built"


def test_history_says_what_was_live_when_and_who_moved_it_and_why(registry: Registry, add: Add, home: Settings) -> None:
    first, second = add(), add()
    promote(registry, first, 0, "the first")
    promote(registry, second, 10, "more days")
    assert registry.rollback(who="bob", why="long views fell", at=later(20)) == first
    assert [move.row()[1:] for move in registry.history()] == [
        ("promote", "–", "1", "ada", "the first"),
        ("promote", "1", "2", "ada", "more days"),
        ("rollback", "2", "1", "bob", "long views fell"),
    ]
    seen = [registry.live_at(later(m)) for m in (-1, 0, 9, 10, 19, 20, 999)]
    assert seen == [None, "1", "1", "2", "2", "1", "1"]
    assert (registry.live(), pointer(home)["champion"]["version"]) == ("1", "1")
    assert pointer(home)["previous"] is None, "what was rolled back from is not what one would roll back to"
    assert aliases(home)["champion"] == "1"


def test_rolling_back_twice_goes_back_twice_and_then_says_that_there_is_nothing_left(
    registry: Registry, add: Add
) -> None:
    for minute, version in enumerate([add(), add(), add()]):
        promote(registry, version, minute)
    assert [registry.rollback("bob", "worse", later(m)) for m in (10, 11)] == ["2", "1"]
    with pytest.raises(NotProven, match="first that was live"):
        registry.rollback("bob", "worse still", later(12))


def test_the_pointer_names_files_that_are_there_and_their_digest(registry: Registry, add: Add, home: Settings) -> None:
    import hashlib

    promote(registry, add())
    champion = pointer(home)["champion"]
    manifest = (home.of("shop").releases / champion["path"] / "manifest.json").read_bytes()
    assert champion["manifest_sha256"] == hashlib.sha256(manifest).hexdigest()


def test_a_crash_after_the_history_was_written_is_mended(registry: Registry, add: Add, home: Settings) -> None:
    first, second = add(), add()
    promote(registry, first)
    kept = (home.of("shop").releases / "live.json").read_bytes()
    promote(registry, second, 1)
    (home.of("shop").releases / "live.json").write_bytes(kept)  # as if the process had died before it moved the pointer
    registry.settle()
    assert pointer(home)["champion"]["version"] == second
    assert aliases(home)["champion"] == second


def test_a_line_cut_short_by_a_crash_never_happened(registry: Registry, add: Add, home: Settings) -> None:
    first, second = add(), add()
    promote(registry, first)
    with (home.of("shop").releases / "history.jsonl").open("a") as file:
        file.write('{"at":"2026-05-12T00:00:00Z","acti')
    assert registry.live() == first
    promote(registry, second, 1)
    assert [move.after for move in registry.history()] == [first, second]


def test_a_lost_local_copy_is_fetched_again(registry: Registry, add: Add, home: Settings) -> None:
    promote(registry, add())
    path = home.of("shop").releases / "1" / "popular.json"
    path.write_bytes(b"{}")
    assert registry.popular("1").all
    assert path.read_bytes() != b"{}"


def test_a_version_that_is_not_there_is_named(registry: Registry, add: Add) -> None:
    add()
    with pytest.raises(ReleaseMismatch, match="release 9 of shop"):
        promote(registry, "9")


def test_a_run_holds_parameters_measures_plots_and_the_training_set(
    logged: LoggedRun, home: Settings, shop: Dataset
) -> None:
    from training.registry.tracking import mlflow_client

    found = mlflow_client(home)
    run = found.get_run(logged.run_id)
    assert run.data.metrics["xgboost/ndcg_at_10"] == pytest.approx(logged.metrics["xgboost"]["ndcg_at_10"])
    assert run.data.tags["dataset_digest"] == shop.digest
    assert "mostly_unknown" not in run.data.tags
    assert run.inputs.dataset_inputs[0].dataset.digest == shop.digest[:36]
    names = {Path(file.path).name for file in found.list_artifacts(logged.run_id, "report")}
    assert names == {
        "metrics.json",
        "slices.json",
        "report.md",
        "calibration.png",
        "importance.png",
        "by_slice.png",
    }


def test_fallback_lists_hold_what_may_be_shown_best_first_and_newest_first(shop: Dataset) -> None:
    from shop import TASK, wares

    lists = popular_lists.build_popular_lists(shop.frame, wares(), TASK.fallback_lists, AT)
    assert lists.fresh[:2] == ["w199", "w198"]
    assert "w0" not in {*lists.all, *lists.fresh, *lists.items}, "it is sold out"
    assert set(lists.by_group) == {"t0", "t1"}
    assert lists.items["w7"] == {"born": 7, "state": "on sale"}
    assert lists.for_group("nowhere") == lists.all


def test_a_release_carries_no_pickle_however_it_is_called(trained: Trained, shop: Dataset, tmp_path: Path) -> None:
    import pickle

    from shop import FEATURES, TASK

    with pytest.raises(ReleaseMismatch, match="pickle"):
        release.build_release(
            tmp_path / "r", trained, shop, FEATURES, TASK, Popular([], {}, [], {}), b"{}", version="1",
            created_at=AT, extra={"reference.bin": pickle.dumps({})},
        )  # fmt: skip
