"""Words of a person are masked where messages quote them, and nothing else in these files changes."""

import json
import sqlite3
from contextlib import closing

import pytest

from infra.masking import Names, mask_file

NAMES = Names("user_id", frozenset({"anna-7", "12"}), frozenset({"event-0001", "on"}))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("user_id anna-7: `device` was tv", "user_id xxxxxx: `device` was tv"),
        ('{"user": "anna-7", "n": 12}', '{"user": "xxxxxx", "n": 12}'),
        ("anna-71, hanna-7, anna-7-b", "anna-71, hanna-7, anna-7-b"),
        ("12 rows of user_id 12, user_id: `12`", "12 rows of user_id xx, user_id: `xx`"),
        ("event-0001 on day 2, event-00012", "xxxxxxxxxx on day 2, event-00012"),
    ],
    ids=["a sentence", "JSON", "longer words", "a number", "further words"],
)
def test_what_means_a_person_is_masked_at_the_same_length(before, after, tmp_path):
    (tmp_path / "log").write_text(before)
    assert mask_file(tmp_path / "log", NAMES, dry_run=True) == (before != after)
    assert (tmp_path / "log").read_text() == before
    mask_file(tmp_path / "log", NAMES)
    assert (tmp_path / "log").read_text() == after


def test_a_process_goes_on_writing_to_a_log_that_was_masked(tmp_path):
    with (tmp_path / "log").open("a") as log:
        log.write("anna-7 came\n")
        log.flush()
        mask_file(tmp_path / "log", NAMES)
        log.write("and went\n")
    assert (tmp_path / "log").read_text() == "xxxxxx came\nand went\n"


def test_a_database_holds_neither_a_value_nor_the_bytes_of_a_deleted_one(tmp_path):
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as sql:
        sql.execute('CREATE TABLE "odd name" ("key" TEXT PRIMARY KEY, "the value" BLOB) WITHOUT ROWID')
        rows = [("anna-7", b"x"), ("k", b"a: anna-7"), ("gone", b"anna-7 " * 900), ("bert", b"anna-71")]
        sql.executemany('INSERT INTO "odd name" VALUES (?, ?)', rows)
        sql.commit()
        sql.execute("""DELETE FROM "odd name" WHERE key = 'gone'""")
        sql.commit()
    assert mask_file(path, NAMES) == 1
    assert b"anna-7 " not in path.read_bytes()
    with closing(sqlite3.connect(path)) as sql:
        assert sql.execute('SELECT * FROM "odd name"').fetchall() == [
            ("bert", b"anna-71"), ("k", b"a: xxxxxx"), ("xxxxxx", b"x")
        ]  # fmt: skip
    assert mask_file(path, NAMES) == 0


def test_other_files_are_left_as_they_are(tmp_path):
    content = b"\0binary anna-7"
    (tmp_path / "a.bin").write_bytes(content)
    assert mask_file(tmp_path / "a.bin", NAMES) == 0
    assert (tmp_path / "a.bin").read_bytes() == content


def test_what_was_json_stays_json(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps({"anna-7": ["anna-7", 12], "user_id": 5}))
    mask_file(tmp_path / "a.json", NAMES)
    assert json.loads((tmp_path / "a.json").read_text()) == {"xxxxxx": ["xxxxxx", 12], "user_id": 5}
