"""One truth whatever else happens: MLflow locked, aliases moved by hand, files pruned, a history broken or lost."""

import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import TEMPORARILY_UNAVAILABLE
from one_truth import agree
from shop import AT

from infra.errors import HistoryLost, NotProven, ReleaseMismatch, Unavailable
from infra.manifest import read_manifest
from infra.settings import Settings
from tests.training.registry.test_registry import aliases, later, promote
from training.registry import tracking
from training.registry.aliases import aliases as seen_aliases
from training.registry.proof import TAG
from training.registry.registry import Registry
from training.registry.versions import Versions


@contextmanager
def locked(monkeypatch: pytest.MonkeyPatch, after: int) -> Iterator[None]:
    """MLflow's database is held by another process from the second alias of a move on."""
    from mlflow import MlflowClient

    calls, real = [0], MlflowClient.set_registered_model_alias

    def alias(self: MlflowClient, name: str, alias: str, version: str) -> None:
        calls[0] += 1
        if calls[0] > after:
            raise MlflowException("(sqlite3.OperationalError) database is locked", TEMPORARILY_UNAVAILABLE)
        real(self, name, alias, version)

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "set_registered_model_alias", alias)
        yield


@pytest.mark.parametrize("after", [0, 1], ids=["before the aliases", "between them"])
def test_mlflow_locked_in_the_middle_of_a_move_is_said_and_the_next_command_finishes_it(
    live_home: Settings, live_registry: Registry, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    with locked(monkeypatch, after):
        with pytest.raises(Unavailable, match=r"database is locked.*promotion of release 3 is half done.*--repair"):
            promote(live_registry, "3", 5)
        with pytest.raises(Unavailable, match="locked"):
            live_registry.rollback("bob", "worse", later(6))
    assert live_registry.rollback("bob", "worse", later(6)) == "2" == agree(live_home)


def alerts(home: Settings) -> list[str]:
    """The disagreements that were written down for people."""
    path = home.home / "alerts.jsonl"
    return [json.loads(line)["disagreement"] for line in path.read_text().splitlines()] if path.exists() else []


def test_an_alias_moved_by_hand_is_an_alert_with_the_way_to_mean_it(
    live_home: Settings, live_registry: Registry
) -> None:
    tracking.mlflow_client(live_home).set_registered_model_alias("shop", "champion", "1")
    (found,) = live_registry.disagreements()
    assert "release 2 is live, but MLflow's alias `champion` names 1" in found
    assert "`flywheel releases --repair` puts it right" in found
    assert "`flywheel promote 1 --why …`" in found
    promote(live_registry, "3", 5)
    (alert,) = alerts(live_home)
    assert "It was put right" in alert
    assert agree(live_home) == "3"


def test_an_alias_deleted_by_hand_and_a_pointer_edited_by_hand_are_put_right(
    live_home: Settings, live_registry: Registry
) -> None:
    tracking.mlflow_client(live_home).delete_registered_model_alias("shop", "champion")
    path = live_home.of("shop").releases / "live.json"
    path.write_text('{"champion": {"version": "1", "path": "1"}, "previous": null}')
    shutil.rmtree(live_home.of("shop").releases / "2")
    assert [("put right" in said) for said in live_registry.settle()] == [True, True]
    assert agree(live_home) == "2"
    assert (live_home.of("shop").releases / "2" / "manifest.json").exists(), "what the pointer names is there"


def test_a_live_release_that_is_gone_for_good_does_not_block_another(
    live_home: Settings, live_registry: Registry
) -> None:
    tracking.mlflow_client(live_home).delete_model_version("shop", "2")
    shutil.rmtree(live_home.of("shop").releases / "2")
    promote(live_registry, "3", 5)
    assert agree(live_home, gone="2") == "3"
    assert any("could not be put right" in said for said in alerts(live_home))
    with pytest.raises(ReleaseMismatch, match=r"no version of that number.*"):
        live_registry.rollback("bob", "worse", later(6))
    assert agree(live_home, gone="2") == "3", "nothing was moved"
    promote(live_registry, "1", 7)
    assert agree(live_home, gone="2") == "1"


def pruned(home: Settings, version: str) -> int:
    """Delete a release's files, as `mlflow gc` or a lost disk does; returns how many artefact folders it deleted."""
    artefacts = [
        manifest.parent
        for manifest in home.home.rglob("release/manifest.json")
        if "draft" not in str(manifest) and read_manifest(manifest.parent).version == version
    ]
    for folder in (*artefacts, home.of("shop").releases / version):
        shutil.rmtree(folder, ignore_errors=True)
    return len(artefacts)


def test_a_move_needs_no_files_of_an_older_release(live_home: Settings, live_registry: Registry) -> None:
    assert pruned(live_home, "1") > 0
    promote(live_registry, "3", 5)
    assert agree(live_home) == "3"
    assert live_registry.rollback("bob", "worse", later(6)) == "2" == agree(live_home)


def lost(home: Settings) -> None:
    for path in (home.of("shop").releases).glob("history*.jsonl"):
        path.unlink()


def all_lost(home: Settings) -> None:
    shutil.rmtree(home.of("shop").releases)


@pytest.mark.parametrize("lose", [lost, all_lost], ids=["history and copy deleted", "the whole folder deleted"])
def test_a_lost_history_is_not_never_live_and_is_begun_again_with_what_is_served(
    live_home: Settings, live_registry: Registry, lose: Callable[[Settings], None]
) -> None:
    lose(live_home)
    for ask in (
        live_registry.live, live_registry.settle, lambda: promote(live_registry, "3", 5),
        lambda: live_registry.rollback("bob", "worse", later(5)),
    ):  # fmt: skip
        with pytest.raises(HistoryLost, match=r"release 2 is live.*flywheel releases --repair"):
            ask()
    assert "goes on with release 2" in live_registry.repair("ada", later(6))[0]
    assert agree(live_home) == "2"
    assert live_registry.rollback("bob", "worse", later(7)) == "1" == agree(live_home)


def test_a_deleted_history_comes_back_from_its_copy(live_home: Settings, live_registry: Registry) -> None:
    (live_home.of("shop").releases / "history.jsonl").unlink()
    assert live_registry.live() == "2"
    promote(live_registry, "3", 5)
    assert [move.after for move in live_registry.history()] == ["1", "2", "3"]
    assert "restored from its copy" in alerts(live_home)[0]


def test_a_history_of_an_older_version_goes_on(live_home: Settings, live_registry: Registry) -> None:
    path = live_home.of("shop").releases / "history.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    old = [{name: value for name, value in line.items() if name not in {"link", "manifest"}} for line in lines]
    path.write_text("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in old))
    path.with_suffix(".copy.jsonl").unlink()
    assert live_registry.settle() == []
    assert live_registry.rollback("bob", "worse", later(5)) == "1" == agree(live_home)
    promote(live_registry, "3", 6)
    assert agree(live_home) == "3"


def test_a_registry_that_nothing_was_put_into_agrees(home: Settings) -> None:
    registry = Registry(home, "shop")
    assert (registry.live(), registry.settle(), registry.disagreements()) == (None, [], [])


def test_aliases_read_without_mlflow_are_those_that_mlflow_tells(live_home: Settings) -> None:
    assert seen_aliases(live_home, "shop") == aliases(live_home) == {"champion": "2", "previous": "1"}
    assert seen_aliases(live_home, "nobody") == {}


def test_where_a_service_follows_promotion_asks_for_the_proof_of_the_deployment(live_home: Settings) -> None:
    registry = Registry(live_home, "shop", served=True)
    with pytest.raises(NotProven, match=r"no built service has taken it yet.*flywheel prove 3"):
        promote(registry, "3", 5)
    registry.deployed("3", False, "answers with release none.", AT)
    with pytest.raises(NotProven, match=r"failed: answers with release none. Prove it"):
        promote(registry, "3", 5)
    registry.deployed("3", True, "home_feed:abc", AT + timedelta(minutes=1))
    versions = Versions(live_home, "shop")
    versions.tag("1", TAG, versions.tags("3")[TAG].replace('"digest":"', '"digest":"0'))
    with pytest.raises(NotProven, match="about other files"):
        promote(registry, "1", 5)
    promote(registry, "3", 5)
    assert agree(live_home) == "3"
    assert registry.rollback("bob", "worse", later(6)) == "2", "what was live was proven then"


def test_a_database_held_by_another_process_is_said_in_a_sentence(live_home: Settings) -> None:
    holder = sqlite3.connect(live_home.home / "mlflow" / "mlflow.db", timeout=0)
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.MonkeyPatch.context() as patch:
        real = sqlite3.connect
        patch.setattr(sqlite3, "connect", lambda *args, **kwargs: real(*args, **{**kwargs, "timeout": 0}))
        with pytest.raises(Unavailable, match="locked"):
            seen_aliases(live_home, "shop")
    holder.close()
