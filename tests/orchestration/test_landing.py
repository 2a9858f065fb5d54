"""Which files are taken, as which table, in which order, and what the landing's documentation promises."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from infra.errors import DefinitionError
from infra.lake import Lake
from orchestration.sources.bundles import bundled
from orchestration.sources.landing import Delivery, deliveries, files, set_aside, take_in
from validation.batches import ledger
from validation.contract import Column, Table
from validation.files.delivered import delivered_from_jsonl
from validation.files.formats import delivered_from_file
from validation.systems.home_feed import ENGAGEMENTS, TABLES, USERS, VIDEOS

NOW = datetime(2026, 5, 4, tzinfo=UTC)
ROOT = Path(__file__).parents[2]
EXAMPLES = re.findall(r"```(\w+)\n(.*?)```", (ROOT / "docs" / "landing.md").read_text(), re.DOTALL)


def event(number: int) -> bytes:
    row = {
        "event_id": f"e{number}",
        "user_id": "u",
        "video_id": "v",
        "action": "like",
        "event_time": "2026-05-03T10:00:00Z",
    }
    return json.dumps(row).encode() + b"\n"


def put(root: Path, *names: str) -> None:
    for number, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(event(number))


def test_files_are_found_in_a_stable_order_and_tables_in_theirs(tmp_path):
    put(
        tmp_path,
        "engagements/b.jsonl",
        "engagements/a.parquet",
        "users-1.jsonl",
        "videos/v.jsonl",
        "engagements-2.jsonl",
    )
    order = [(d.table.name, d.path.name) for d in deliveries(tmp_path, TABLES)]
    assert order == [
        ("videos", "v.jsonl"), ("users", "users-1.jsonl"), ("engagements", "a.parquet"), ("engagements", "b.jsonl"),
        ("engagements", "engagements-2.jsonl"),
    ]  # fmt: skip


def test_what_is_still_written_done_with_or_something_else_is_left_alone(tmp_path):
    put(
        tmp_path, "users/a.jsonl.open", "done/users/a.jsonl", "users/notes.txt", "users_old.jsonl", "failed/users/a.csv"
    )
    assert files(tmp_path, USERS) == []


@pytest.mark.parametrize("name", ["users/x.jsonl", "users.jsonl", "users-2026.jsonl", "users.2026.parquet"])
def test_a_single_file_is_told_by_its_name_or_folder(name, tmp_path):
    put(tmp_path, name)
    assert deliveries(tmp_path / name, TABLES)[0].table is USERS


def test_the_longest_name_wins(tmp_path):
    old = Table("users_old", "a row", "x", ("k",), "k", "k", (Column("k", "timestamp", "x"),))
    put(tmp_path, "users_old-1.jsonl")
    assert deliveries(tmp_path / "users_old-1.jsonl", (USERS, old))[0].table is old


def test_a_named_table_takes_any_name(tmp_path):
    put(tmp_path, "export.jsonl", "more/b.jsonl", "more/a.jsonl")
    assert deliveries(tmp_path / "export.jsonl", TABLES, VIDEOS)[0].table is VIDEOS
    assert [d.path.name for d in deliveries(tmp_path / "more", TABLES, VIDEOS)] == ["a.jsonl", "b.jsonl"]


def test_the_folder_of_a_table_may_be_named_itself(tmp_path):
    put(tmp_path, "users/a.jsonl", "users/b.jsonl.open")
    assert [(d.table.name, d.path.name) for d in deliveries(tmp_path / "users", TABLES)] == [("users", "a.jsonl")]


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("user-1.jsonl", "Did you mean `users`"),
        ("users.xlsx", "only .jsonl, .ndjson, .json, .csv, .parquet"),
        ("", "nothing to ingest"),
    ],
)
def test_a_path_nobody_can_place_is_refused_with_advice(name, advice, tmp_path):
    put(tmp_path / "in", "user-1.jsonl", "users.xlsx")
    path = tmp_path / "in" / name if name else tmp_path / "empty"
    with pytest.raises(DefinitionError, match=advice):
        deliveries(path, TABLES)


def test_the_same_content_is_the_same_batch_under_any_name(tmp_path):
    (tmp_path / "engagements").mkdir()
    for name in ("a", "b"):
        (tmp_path / "engagements" / f"{name}.jsonl").write_bytes(event(1))
    lake = Lake(tmp_path / "lake")
    first, second = take_in(lake, deliveries(tmp_path, TABLES), NOW)
    assert first.batch == second.batch
    assert (first.accepted, second.duplicate) == (1, 1)


def test_a_refused_batch_does_not_keep_the_next_from_being_taken(tmp_path):
    put(tmp_path, "engagements/b.jsonl")
    (tmp_path / "engagements" / "a.jsonl").write_bytes(b"{\n")
    lake = Lake(tmp_path / "lake")
    refused, taken = take_in(lake, deliveries(tmp_path, TABLES), NOW)
    assert (refused.refused, taken.accepted) == (True, 1)
    assert ledger.balance(lake, "engagements")["off"] == 0


def test_only_what_is_ours_is_moved(tmp_path):
    put(tmp_path, "engagements/a.jsonl")
    [delivery] = deliveries(tmp_path, TABLES)
    take_in(Lake(tmp_path / "lake"), [delivery], NOW)
    assert delivery.path.exists()
    assert set_aside(tmp_path, delivery) == tmp_path / "done" / "engagements" / "a.jsonl"
    assert files(tmp_path, ENGAGEMENTS) == []


def test_small_files_of_a_service_are_one_delivery_and_others_are_not(tmp_path):
    names = [f"engagements-20260503T10000{i}-77-{i}.jsonl" for i in range(3)]
    put(tmp_path, *(f"engagements/{name}" for name in [*names, "2026-05-03.jsonl"]))
    first, bundle = bundled(tmp_path, ENGAGEMENTS, files(tmp_path, ENGAGEMENTS))
    assert (first.name, bundle.name) == ("2026-05-03.jsonl", "engagements-20260503T100000-77-0.bundle")
    put(tmp_path, "engagements/engagements-20260503T100009-77-9.jsonl")  # lands while the bundle is taken
    lake = Lake(tmp_path / "lake")
    [line] = take_in(lake, [Delivery(ENGAGEMENTS, bundle)], NOW)
    assert (line.received, line.accepted) == (3, 3)
    assert bundle in files(tmp_path, ENGAGEMENTS)  # as a run finds it that follows a killed one
    [again] = take_in(lake, [Delivery(ENGAGEMENTS, bundle)], NOW)
    assert (again.batch, again.duplicate) == (line.batch, 3)
    set_aside(tmp_path, Delivery(ENGAGEMENTS, bundle))
    assert sorted(path.name for path in (tmp_path / "done" / "engagements" / bundle.name).iterdir()) == names
    assert [path.name for path in files(tmp_path, ENGAGEMENTS)] == [
        "2026-05-03.jsonl",
        "engagements-20260503T100009-77-9.jsonl",
    ]


def test_the_documented_json_lines_are_taken_as_they_stand(tmp_path):
    lines = next(text for language, text in EXAMPLES if language == "json" and "mended" not in text)
    delivered = delivered_from_jsonl(ENGAGEMENTS, lines.encode())
    assert (len(delivered), delivered.faults) == (2, {})


def test_the_documented_csv_is_taken_as_it_stands():
    delivered = delivered_from_file(
        ENGAGEMENTS, "a.csv", next(text for language, text in EXAMPLES if language == "csv").encode()
    )
    assert (len(delivered), delivered.faults) == (2, {})


def test_the_documented_parquet_is_taken_as_it_stands(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(next(text for language, text in EXAMPLES if "to_parquet" in text), {"pd": pd})
    [line] = take_in(Lake(tmp_path / "lake"), deliveries(tmp_path, TABLES), datetime(2026, 1, 2, 9, tzinfo=UTC))
    assert line.accepted == 1
