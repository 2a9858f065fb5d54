"""A second system is a second set of definitions, and no change to any machinery."""

import ast
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from fraud import DAYS, FRAUD, START, deliver

from feature_repo.records import connect, made_views
from infra.settings import Settings
from infra.systems import BUILT_IN
from orchestration.assets import proof
from orchestration.ingestion import ingest_days
from orchestration.runs import execute
from orchestration.system import Installation, load_system
from orchestration.systems.home_feed import HOME_FEED
from validation.batches import status_of_days

ROOT = Path(__file__).parents[2]
MACHINERY = ("infra", "validation", "feature_repo", "training", "serving", "monitoring", "orchestration")
# Words that are columns of a system and also plain English, or part of every answer and every decision log.
EVERYDAY = {
    *("event_time", "received_at", "position", "variant", "release", "served_by", "propensity", "served_features"),
    *("request_id", "status", "source", "action", "score", "kind", "reason", "reasons", "verdict", "amount", "since"),
    *("issued_at", "zone", "area", "minutes", "by_lot", "threshold", "promise", "completed"),
}
HERE = [name for name in BUILT_IN if (ROOT / "orchestration" / "systems" / f"{name}.py").exists()]


def test_a_fraud_system_runs_from_its_own_definitions_to_a_trained_model_and_a_proof(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proof, "CUTS", 1)
    at = Installation(FRAUD, settings.model_copy(update={"replay_from": START + timedelta(days=DAYS)}))
    deliver(at.settings.landing)
    first, last = START.date(), (START + timedelta(days=DAYS - 1)).date()
    without_redis = Installation(FRAUD, at.settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"}))
    messages: list[str] = []
    for job, since, of in (("ingest", first, at), ("features", first, at), ("train", last, without_redis)):
        result = execute(of, job, since, last, messages.append)
        assert result.success, "\n".join(messages)
    proven = execute(without_redis, "perturb", last, last, messages.append)
    assert proven.success, "\n".join(messages)
    assert [check.check_name for check in proven.get_asset_check_evaluations()] == ["unchanged"]
    trained = {
        e.asset_key.to_user_string(): e.materialization.metadata for e in result.get_asset_materialization_events()
    }
    metrics = trained["fraud/ranker"]["metrics"].value
    assert metrics["xgboost"]["auc"] > 0.8, "fraud follows shady shops and high amounts: that can be learned"
    assert metrics["xgboost"]["auc"] > metrics["recency"]["auc"]
    assert trained["fraud/ranker"]["retrieval recall_at_500"].value == 1.0, "sixty shops are compared one by one"
    with connect(at.settings.redis_url) as redis:
        assert not made_views.remembered(redis, FRAUD.features.name), "nothing is served: no user's vector is online"


def test_a_refused_batch_of_another_system_does_not_count_against_this_one(settings: Settings) -> None:
    second = replace(HOME_FEED, name="second", features=replace(HOME_FEED.features, name="second"), policy=None)
    feed, other = Installation(HOME_FEED, settings), Installation(second, settings)
    waiting = other.settings.landing / "users" / f"{START.date()}.jsonl"
    waiting.parent.mkdir(parents=True)
    waiting.write_text('{"user_id": 1}\n' * 200)
    assert ingest_days(other, other.tables["users"], START.date(), START.date()).refused
    today = other.now().date()
    status = {at.system.name: status_of_days(at.lake, at.system.tables, START.date(), today) for at in (feed, other)}
    assert (status["second"].refused, status["second"].waiting) == (1, 200)
    assert (status["home_feed"].refused, status["home_feed"].waiting, status["home_feed"].received) == (0, 0, 0)


@pytest.mark.parametrize("name", HERE)
def test_machinery_names_no_column_of_a_system(name: str) -> None:
    system = load_system(Settings(system=name))
    columns = {c.name for table in system.tables for c in table.columns} | set(system.features.entities)
    columns |= {column for look in system.features.lookups for column in look.columns}
    named = {f"{path.relative_to(ROOT)}: {word}" for path in machinery() for word in words(path) & (columns - EVERYDAY)}
    assert not named


def machinery() -> Iterator[Path]:
    for stage in MACHINERY:
        for path in (ROOT / stage).rglob("*.py"):
            exempt = {"systems"} | ({"sources", "demo"} if stage == "orchestration" else set())
            if not exempt & set(path.parts):
                yield path


def words(path: Path) -> set[str]:
    """Names and string literals of a file, docstrings aside."""
    tree = ast.parse(path.read_text())
    plain = {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    return (
        plain
        | {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
        | {n.arg for n in ast.walk(tree) if isinstance(n, ast.arg)}
    )


def test_the_reader_of_machinery_would_notice_a_column(tmp_path: Path) -> None:
    (tmp_path / "machine.py").write_text("frame['watch_seconds']")
    assert "watch_seconds" in words(tmp_path / "machine.py")


@pytest.mark.parametrize("name", HERE)
@pytest.mark.parametrize("stage", ["validation", "feature_repo", "training", "serving", "monitoring", "orchestration"])
def test_every_stage_has_its_definitions_in_one_file(stage: str, name: str) -> None:
    assert (ROOT / stage / "systems" / f"{name}.py").is_file()
