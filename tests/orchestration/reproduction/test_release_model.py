"""A release's model made again: the same bytes, or what is another here."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from infra.errors import DefinitionError, ReleaseMismatch
from infra.freshness import Freshness
from infra.manifest import read_manifest
from infra.release_format import MANIFEST, TREES
from infra.settings import Settings
from orchestration.reproduction import rebuilt, release_model
from orchestration.system import Installation, System
from tests.training.shop import AT, FEATURES, LIMITS, TASK, made, wares
from training.contenders import Boosted
from training.fitting import build_popular_lists, fit_contender, train_contenders
from training.release import training_facts
from training.release.build import build_release
from training.rows import Dataset, save_dataset
from validation.definition import BEST_COLUMN

SHOP = System("shop", (), FEATURES, TASK, LIMITS)
DAYS = (AT.date() - timedelta(days=12), AT.date())


@pytest.fixture(scope="module")
def shop() -> Dataset:
    return made()


@pytest.fixture
def at(shop: Dataset, tmp_path: Path) -> Installation:
    """An installation with release 1, and the training set it was made of still in the lake."""
    installation = Installation(SHOP, Settings(home=tmp_path))
    trained = train_contenders(shop, TASK)
    facts = training_facts(
        TASK, trained.winner, seed=trained.seed, target=trained.target, days=DAYS, rows=len(shop.frame)
    )
    lists = build_popular_lists(shop.frame, wares(), TASK.fallback_lists, AT)
    build_release(
        folder_of(installation), trained, shop, FEATURES, TASK, lists, b"{}", version="1", created_at=AT,
        training=facts,
    )  # fmt: skip
    save_dataset(installation.lake, "shop", shop)
    return installation


def folder_of(installation: Installation) -> Path:
    return installation.settings.of("shop").releases / "1"


def with_manifest(installation: Installation, **changed: object) -> None:
    manifest = msgspec.structs.replace(read_manifest(folder_of(installation)), **changed)
    (folder_of(installation) / MANIFEST).write_bytes(msgspec.json.encode(manifest))


def test_the_manifest_and_the_stored_training_set_give_the_same_bytes(at: Installation) -> None:
    rebuild = rebuilt(at, "1")
    assert rebuild.same
    assert rebuild.differing == []
    assert rebuild.golden == 0.0
    assert "model.ubj has the same bytes, from the training set in the lake" in rebuild.sentence()


def test_the_best_column_that_a_run_adds_is_found_again(shop: Dataset) -> None:
    trained = train_contenders(shop, TASK)
    again = fit_contender(shop, TASK, BEST_COLUMN, trained.seed, trained.target)
    assert again == trained.fitted[BEST_COLUMN]


def test_another_definition_gives_other_bytes_and_is_named(at: Installation) -> None:
    facts = read_manifest(folder_of(at)).training
    assert facts is not None
    contenders = tuple(replace(c, regrow=1.5) if isinstance(c, Boosted) else c for c in TASK.contenders)
    changed = Installation(replace(SHOP, task=replace(TASK, contenders=contenders)), at.settings)
    rebuild = rebuilt(changed, "1")
    assert not rebuild.same
    assert rebuild.differing == ["contender"]
    assert rebuild.golden
    assert "what differs: contender" in rebuild.sentence()


def test_code_and_libraries_of_then_are_named_with_the_commit_to_check_out(at: Installation) -> None:
    facts = read_manifest(folder_of(at)).training
    assert facts is not None
    libraries = {**facts.libraries, "numpy": "1.0"}
    then = msgspec.structs.replace(facts, code="0" * 64, commit="abc123", libraries=libraries)
    files = {**read_manifest(folder_of(at)).files, TREES: "0" * 64}
    (folder_of(at) / TREES).unlink()  # no model to fetch either: its manifest is what is left
    with_manifest(at, training=then, files=files)
    rebuild = rebuilt(at, "1")
    assert not rebuild.same
    assert {"code", "commit", "numpy"} == set(rebuild.differing)
    assert "Check out abc123" in rebuild.sentence()


def test_without_its_training_set_the_events_are_asked(at: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    other = made(seed=5)
    save_dataset(at.lake, "shop", other)  # a later run's
    asked = []
    monkeypatch.setattr(release_model, "label_versions_of_days", lambda *args: asked.append(args[1:]) or made().frame)
    monkeypatch.setattr(release_model, "build_training_set", lambda *args: other)
    monkeypatch.setitem(at.__dict__, "store", None)
    rebuild = rebuilt(at, "1")
    assert asked == [(*DAYS, AT)], "the days of the manifest, as of its moment"
    assert rebuild.rows == "events"
    assert rebuild.differing[0] == "training set"
    assert not rebuild.same


def test_events_are_joined_as_fresh_as_they_were_for_the_release(
    at: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    nightly = Freshness(86_400, 3_600, basis="measured")
    facts = read_manifest(folder_of(at)).training
    assert facts is not None
    with_manifest(at, training=msgspec.structs.replace(facts, freshness=nightly))
    monkeypatch.setattr(release_model, "label_versions_of_days", lambda *args: made().frame)
    monkeypatch.setattr(release_model, "build_training_set", lambda *args: replace(made(), freshness=args[4]))
    monkeypatch.setitem(at.__dict__, "store", None)
    rebuild = rebuilt(at, "1", from_events=True)
    assert rebuild.compared["freshness"] == (str(nightly), str(nightly))
    assert rebuild.same
    assert "freshness" in rebuilt(at, "1").differing, "the set in the lake was joined with fresher states"


def test_a_manifest_that_does_not_say_how_it_was_trained_is_refused(at: Installation) -> None:
    with_manifest(at, training=None)
    with pytest.raises(ReleaseMismatch, match=r"older than the facts of training.*flywheel run retrain"):
        rebuilt(at, "1")


def test_a_contender_that_this_checkout_does_not_define_is_named(at: Installation) -> None:
    contenders = tuple(replace(c, name="forest") if isinstance(c, Boosted) else c for c in TASK.contenders)
    other = Installation(replace(SHOP, task=replace(TASK, contenders=contenders)), at.settings)
    with pytest.raises(DefinitionError, match="contender `xgboost` is not defined"):
        rebuilt(other, "1")


def test_a_version_that_was_never_registered_is_said_with_where_to_look(at: Installation) -> None:
    with pytest.raises(ReleaseMismatch, match=r"no version of that number.*flywheel releases"):
        rebuilt(at, "99")
