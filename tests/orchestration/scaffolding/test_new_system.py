"""A system of one's own: written from a folder of files, loaded, ingested and trained; mistakes named with the flag."""

import importlib
import json
import shlex
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.csv
import pytest
from click.testing import Result
from own_folders import START, loans, sales, spreadsheet, tickets
from typer.testing import CliRunner

from feature_repo.request_time import Code, Context
from infra.settings import Settings
from infra.systems import named_system
from orchestration.commands import new
from orchestration.commands.cli import app
from orchestration.deployment import with_own_system
from orchestration.ingestion import ingest_path
from orchestration.runs import execute
from orchestration.scaffolding import deliver
from orchestration.system import Installation, System
from training.objectives import Classify, Regress

NOW = datetime(2026, 11, 30, tzinfo=UTC)
TWO_ROWS = "id,at,b\n1,2026-05-01,0\n2,2026-05-02,1\n"


@pytest.fixture
def flywheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Result]]:
    """The command line, called in a folder of one's own; packages written there can be imported."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("FLYWHEEL_HOME", str(tmp_path / "home"))
    before = set(sys.modules)
    yield lambda *words, said="": CliRunner().invoke(app, [str(word) for word in words], input=said)
    for name in set(sys.modules) - before:
        if (tmp_path / name.split(".")[0]).is_dir():
            del sys.modules[name]


def written(name: str) -> tuple[System, Any]:
    """What was written: the system, and where its rows come from."""
    return importlib.import_module(f"{name}.system").SYSTEM, importlib.import_module(f"{name}.events").SOURCES


def columns(system: System, table: str) -> dict[str, Any]:
    """The columns of a table by name."""
    return {column.name: column for t in system.tables if t.name == table for column in t.columns}


def test_a_folder_of_sales_becomes_a_system_without_a_flag(tmp_path: Path, flywheel: Callable[..., Result]) -> None:
    answer = flywheel("new", "returns", "--from", sales(tmp_path / "own"))
    assert answer.exit_code == 0, answer.output
    assert "NOBODY SAID SO" in answer.output, "how long a label takes is guessed, and said to be"
    *_, daily, up, decide = answer.output.splitlines()
    assert daily.endswith("--day 2026-05-01 --until 2026-05-08 --system returns")
    assert up.endswith("flywheel up --system returns")
    assert set(json.loads(shlex.split(decide)[-1])) == {"sale_id", "shop_id", "buyer_id", "amount"}
    system, sources = written("returns")
    assert system.task.unit == "sale_id"
    assert system.task.cluster == "buyer_id"
    assert isinstance(system.task.objective, Classify)
    assert set(system.features.entities) == {"shop_id", "buyer_id"}
    amount = columns(system, "sales")["amount"]
    assert (amount.dtype, amount.low, amount.nullable) == ("float64", 0, False)
    assert {f.name for f in system.features.features if isinstance(f, Context | Code)} == {"amount"}
    for name, test in vars(importlib.import_module("returns.test_returns")).items():
        if name.startswith("test_"):
            test()
    assert "[returns]" in (tmp_path / "home" / "systems.toml").read_text()
    served = importlib.import_module("returns.serving").SERVED
    assert {column.name for column in served.asked} == {"sale_id", "shop_id", "buyer_id", "amount"}
    assert system.policy.steps[0].action == "act"
    assert [source.table.name for source in sources] == ["sales", "sales_outcomes"]


def test_a_label_is_in_no_decision_and_known_only_after_its_delay(
    tmp_path: Path, flywheel: Callable[..., Result]
) -> None:
    folder = sales(tmp_path / "own", rows=3000)
    assert flywheel("new", "returned", "--from", folder, "--label-delay", "5d").exit_code == 0
    system, sources = written("returned")
    assert "returned" not in columns(system, "sales")
    now = (START + timedelta(days=20)).replace(tzinfo=UTC)
    counts = {each.table: (each.rows, each.left_out) for each in deliver(sources, folder, tmp_path / "out", now)}
    assert counts == {"sales": (3000, 0), "sales_outcomes": (1441, 1559)}, "a label of the last 5 days is not known yet"
    first = pyarrow.csv.read_csv(tmp_path / "out/sales_outcomes/sales_outcomes-000000.csv").slice(0, 1).to_pylist()[0]
    assert first["outcome_received_at"] == datetime(2026, 5, 6, tzinfo=UTC)


def test_nested_tickets_with_a_number_to_predict(tmp_path: Path, flywheel: Callable[..., Result]) -> None:
    folder = tickets(tmp_path / "tickets")
    answer = flywheel("new", "support", "--from", folder, "--target", "minutes")
    assert answer.exit_code == 0, answer.output
    assert "`tags` is left out: it holds list" in answer.output
    system, sources = written("support")
    assert isinstance(system.task.objective, Regress)
    assert system.policy is None, "a number is served where somebody names a base"
    assert system.task.window > timedelta(minutes=190), "the files say when a ticket was closed"
    assert {"minutes", "closed_at", "tags", "nothing"}.isdisjoint(columns(system, "tickets"))
    assert set(system.features.entities) == {"customer_id", "ticket_priority", "customer_address_country"}
    deliver(sources, folder, tmp_path / "out", NOW)
    decided = pyarrow.csv.read_csv(tmp_path / "out/tickets/tickets-000000.csv")
    assert set(decided["customer_address_country"].to_pylist()) == {"DE", "NA"}, "JSON has a null of its own"
    assert decided["ticket_opened_at"][0].as_py() == datetime(2026, 4, 30, 22, tzinfo=UTC)
    known = pyarrow.csv.read_csv(tmp_path / "out/tickets_outcomes/tickets_outcomes-000000.csv")
    assert (len(decided), len(known)) == (400, 392), "a ticket that is open has no outcome"


def test_a_spreadsheet_with_odd_names_and_decimal_commas_is_read_as_it_is_meant(
    tmp_path: Path, flywheel: Callable[..., Result]
) -> None:
    folder = spreadsheet(tmp_path / "blatt")
    answer = flywheel("new", "laden", "--from", folder, "--target", "zurück?", "--later", "Unnamed: 0")
    assert answer.exit_code == 0, answer.output
    system, sources = written("laden")
    asked = columns(system, "verkaufe")
    assert {"verkauf_nr", "geschaft_strasse", "preis", "stuck", "verkauft_am"} < set(asked)
    assert (asked["preis"].dtype, asked["preis"].low, asked["preis"].high) == ("float64", 0, 1000)
    assert asked["stuck"].dtype == "string", "1,500 may be as well a thousand and a half"
    deliver(sources, folder, tmp_path / "out", NOW)
    rows = pyarrow.csv.read_csv(tmp_path / "out/verkaufe/verkaufe-000000.csv")
    assert rows["preis"][:3].to_pylist() == [0.0, 1.01, 2.02]


def test_tables_beside_each_other_are_joined_by_their_entities(tmp_path: Path, flywheel: Callable[..., Result]) -> None:
    answer = flywheel("new", "credit", "--from", loans(tmp_path / "bank"), "--decisions", "loans")
    assert answer.exit_code == 0, answer.output
    assert "photo.png: it is no CSV" in answer.output
    system, sources = written("credit")
    assert [table.name for table in system.tables] == ["customers", "logins", "loans", "loans_outcomes"]
    decided = next(table for table in system.tables if table.name == "loans")
    assert (decided.key, decided.event_time, decided.received_time) == (("row_id",), "asked_at", "ingested_at")
    assert {table.person for table in system.tables} == {"customer_id"}
    assert {f.name for f in system.features.features} >= {
        "customer_logins_happened_7d",
        "segment_defaulted_rate",
        "customer_income",
        "customer_since_age",
    }
    home = Settings(home=tmp_path / "home", pseudonyms=False)
    deliver(sources, tmp_path / "bank", tmp_path / "out", NOW)
    taken = ingest_path(Installation(system, home), tmp_path / "out", None, lambda line: None, history=True)
    assert {line.table: (line.received, line.accepted) for line in taken.lines} == {
        "customers": (40, 40),
        "logins": (300, 300),
        "loans": (200, 200),
        "loans_outcomes": (200, 200),
    } | {line.table: (line.received, line.accepted) for line in taken.lines if line.received == 100}


def test_a_cell_of_another_type_is_quarantined_with_its_reason(tmp_path: Path, flywheel: Callable[..., Result]) -> None:
    folder = sales(tmp_path / "own")
    assert flywheel("new", "typed", "--from", folder).exit_code == 0
    system, sources = written("typed")
    text = (folder / "sales.csv").read_text().splitlines()
    text[5] = text[5].replace(text[5].split(",")[3], "a lot", 1)
    (folder / "sales.csv").write_text("\n".join(text))
    deliver(sources, folder, tmp_path / "out", NOW)
    home = Settings(home=tmp_path / "home", pseudonyms=False)
    taken = ingest_path(Installation(system, home), tmp_path / "out", "sales", lambda line: None, history=True)
    assert [(line.received, line.accepted, line.quarantined) for line in taken.lines] == [(600, 599, 1)]
    assert "`amount` is 'a lot': a finite number is asked" in taken.failures_md()


@pytest.mark.parametrize(
    ("files", "words", "says"),
    [
        ({}, (), "is empty"),
        ({"a.csv": "x\n1\n2\n"}, (), "one column only says nothing"),
        ({"a.pdf": "\0\0"}, (), "a.pdf: it is no CSV, JSON lines or Parquet file"),
        ({"a.csv": "id,at,late\n1,2026-05-01,0\n2,2026-05-02,0\n"}, ("--target", "late"), "holds 0 in every row"),
        ({"a.csv": "id,at,late\n1,2026-05-01,\n2,2026-05-02,\n"}, ("--target", "late"), "holds nothing in any row"),
        ({"a.csv": "id,late\n1,0\n2,1\n"}, (), "says when a row was decided? Say it with --event-time"),
        ({"a.csv": "id,at,b,c\n1,2026-05-01,0,1\n2,2026-05-02,1,0\n"}, (), "--target NAME. There are: b, c"),
        ({"a.csv": TWO_ROWS}, ("--event-time", "b"), "the column holds no moments"),
        ({"a.csv": TWO_ROWS}, ("--key", "idd"), "Did you mean `id`?"),
        ({"a.csv": TWO_ROWS}, ("--label-delay", "9 days"), "90m, 12h or 30d"),
        (
            {"a.csv": TWO_ROWS},
            ("--label-delay", "2d"),
            "Give more days, or a shorter",
        ),
    ],
)
def test_what_cannot_work_is_said_with_the_flag_to_give(
    files: dict[str, str], words: tuple[str, ...], says: str, tmp_path: Path, flywheel: Callable[..., Result]
) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
    answer = flywheel("new", "sorted_out", "--from", folder, *words)
    assert answer.exit_code != 0
    assert says in str(answer.exception)
    assert not (tmp_path / "sorted_out").exists()


@pytest.mark.parametrize(
    "name", ["Returns", "2fast", "re-turns", "class", "training", "json", "pandas", "fraud", "taken"]
)
def test_names_that_no_package_may_have_are_refused_and_nothing_is_overwritten(
    name: str, tmp_path: Path, flywheel: Callable[..., Result]
) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "tables.py").write_text("mine")
    answer = flywheel("new", name, "--from", sales(tmp_path / "own", rows=20))
    assert answer.exit_code != 0
    assert (tmp_path / "taken" / "tables.py").read_text() == "mine"
    assert {path.name for path in tmp_path.iterdir()} == {"taken", "own"}


def test_on_a_terminal_what_nobody_can_guess_is_asked(
    tmp_path: Path, flywheel: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(new, "_on_a_terminal", lambda: True)
    lines = [
        json.dumps({"id": f"a{i}", "at": f"2026-05-{1 + i % 28:02d}T08:00:00Z", "n": i, "m": i % 7}) for i in range(90)
    ]
    (tmp_path / "rows.jsonl").write_text("\n".join(lines))
    answer = flywheel("new", "asked", "--from", tmp_path / "rows.jsonl", said="m\n3d\n")
    assert answer.exit_code == 0, answer.output
    assert "Which column of rows is to be predicted" in answer.output
    assert written("asked")[0].task.target == "m"
    assert written("asked")[0].task.window == timedelta(days=3, minutes=1)


def test_the_proof_of_a_deployment_finds_the_system_from_another_home(
    tmp_path: Path, flywheel: Callable[..., Result]
) -> None:
    assert flywheel("new", "proved", "--from", sales(tmp_path / "own")).exit_code == 0
    own = with_own_system(Settings(home=tmp_path / "home", system="proved"))
    assert named_system(own.model_copy(update={"home": tmp_path / "elsewhere"})).load().name == "proved"


def test_what_was_written_is_ingested_and_trains(
    tmp_path: Path, settings: Settings, flywheel: Callable[..., Result]
) -> None:
    folder = sales(tmp_path / "own", rows=1500, minutes=2)
    assert flywheel("new", "whole", "--from", folder).exit_code == 0
    system, sources = written("whole")
    deliver(sources, folder, tmp_path / "out", NOW)
    first, last = START.date(), (START + timedelta(days=2)).date()
    replayed = (START + timedelta(days=3)).replace(tzinfo=UTC)
    at = Installation(system, settings.model_copy(update={"replay_from": replayed}))
    ingest_path(at, tmp_path / "out", None, lambda line: None, history=True)
    messages: list[str] = []
    assert execute(at, "features", first, last, messages.append).success, messages
    result = execute(at, "train", last, last, messages.append)
    facts = {
        e.asset_key.to_user_string(): e.materialization.metadata for e in result.get_asset_materialization_events()
    }
    metrics = facts["whole/ranker"]["metrics"].value
    assert set(metrics) == {"base_rate", "second_column", "best_column", "logistic_regression", "xgboost"}
    assert metrics["xgboost"]["auc"] > 0.7, "what three shops sell is returned"
    assert "REFUSED | –" not in "\n".join(messages), "no gate lacks what it asks for"
