"""What a folder holds: each path is a delivery or has a reason; nothing is followed, opened or waited for."""

import os
import socket
from pathlib import Path

import pytest
from parcels import DOORS, PARCELS

from infra.errors import NotTaken
from validation.files.folder_scan import scan_folder
from validation.files.landed import content_of

TABLES = (DOORS, PARCELS)


def put(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"{}\n")


def files(root: Path, **options) -> list[tuple[str, str]]:
    return [
        (each.table.name, each.path.relative_to(root).as_posix()) for each in scan_folder(root, TABLES, **options).files
    ]


def passed_over(root: Path, **options) -> dict[str, tuple[bool, str]]:
    paths = scan_folder(root, TABLES, **options).passed_over
    return {os.fsencode(each.path.relative_to(root)).decode("latin-1"): (each.refused, each.reason) for each in paths}


def test_files_are_found_however_deep_each_once_tables_in_their_order(tmp_path):
    names = ["parcels/day=2026-05-03/part.parquet", "parcels/b.JSONL", "parcels/a [1].csv.gz", "doors-1.ndjson"]
    put(tmp_path, *names, "doors/2026/05/03/x.json", "2026/parcels/z.jsonl")
    assert files(tmp_path) == [
        ("doors", "doors/2026/05/03/x.json"), ("doors", "doors-1.ndjson"), ("parcels", "parcels/a [1].csv.gz"),
        ("parcels", "parcels/b.JSONL"), ("parcels", "parcels/day=2026-05-03/part.parquet"),
        ("parcels", "2026/parcels/z.jsonl"),
    ]  # fmt: skip
    assert passed_over(tmp_path) == {}


@pytest.mark.parametrize("name", ["parcels/day=2026-05-03", "parcels/day=2026-05-03/part.parquet", "parcels/2026/05"])
def test_a_piece_of_a_tables_folder_may_be_named_itself(name, tmp_path):
    put(tmp_path, "parcels/day=2026-05-03/part.parquet", "parcels/2026/05/x.csv")
    [each] = scan_folder(tmp_path / name, TABLES).files
    assert each.table is PARCELS


def test_what_is_no_file_is_refused_by_name_and_neither_followed_nor_waited_for(tmp_path, monkeypatch):
    put(tmp_path, "parcels/a.jsonl", "elsewhere/b.jsonl")
    folder = tmp_path / "parcels"
    os.mkfifo(folder / "pipe.jsonl")
    os.symlink(tmp_path / "elsewhere", folder / "deep")
    os.symlink(tmp_path / "elsewhere" / "b.jsonl", folder / "link.jsonl")
    os.symlink("nowhere", folder / "dangling.jsonl")
    os.symlink(folder, folder / "loop")
    (folder / "folder.parquet").mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        monkeypatch.chdir(folder)  # a socket's path has at most a hundred signs
        listening.bind("socket.jsonl")
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff.jsonl")).write_bytes(b"{}\n")
    assert files(folder) == [("parcels", "a.jsonl")]
    reasons = passed_over(folder)
    assert {name: reason.split(",")[0] for name, (_, reason) in reasons.items()} == {
        "pipe.jsonl": "it is a pipe", "deep": "it is a symbolic link", "link.jsonl": "it is a symbolic link",
        "dangling.jsonl": "it is a symbolic link", "loop": "it is a symbolic link", "socket.jsonl": "it is a socket",
        "folder.parquet": "a folder", "\xff.jsonl": "its name is not UTF-8; rename it",
    }  # fmt: skip
    assert all(refused for refused, _ in reasons.values())
    for name in ("pipe.jsonl", "link.jsonl", "socket.jsonl", "folder.parquet"):
        with pytest.raises(NotTaken):
            content_of(folder / name, 100)


def test_what_was_never_a_delivery_is_named_and_nobodys_fault(tmp_path):
    put(tmp_path, "parcels/a.jsonl.open", "parcels/_SUCCESS", "parcels/.a.crc", "notes.md", "done/parcels/a.jsonl")
    put(tmp_path, "home/lake/tables/parcels/part.parquet")
    reasons = passed_over(tmp_path, not_into=tmp_path / "home")
    assert sorted(reasons) == ["done", "home", "notes.md", "parcels/.a.crc", "parcels/_SUCCESS", "parcels/a.jsonl.open"]
    assert not any(refused for refused, _ in reasons.values())
    assert files(tmp_path, not_into=tmp_path / "home") == []


def test_a_file_of_no_table_is_refused_with_the_nearest_name(tmp_path):
    put(tmp_path, "parcel/a.jsonl", "parcels_old.jsonl")
    reasons = passed_over(tmp_path)
    assert all(refused and "Did you mean `parcels`?" in reason for refused, reason in reasons.values())
    assert len(reasons) == 2


def test_a_named_table_takes_a_whole_folder_but_what_says_that_it_is_anothers(tmp_path):
    put(tmp_path, "export.csv", "2026/05/part.parquet", "parcels/a.jsonl", "doors/d.jsonl", "doors-2.jsonl")
    assert {name for _, name in files(tmp_path, only=PARCELS)} == {
        "2026/05/part.parquet",
        "parcels/a.jsonl",
        "export.csv",
    }
    reasons = passed_over(tmp_path, only=PARCELS)
    assert sorted(reasons) == ["doors-2.jsonl", "doors/d.jsonl"]
    assert all("it is of `doors`, not of `parcels`" in reason for _, reason in reasons.values())
    assert [each.table.name for each in scan_folder(tmp_path / "doors-2.jsonl", TABLES, PARCELS).files] == ["parcels"]


def test_a_path_that_is_a_link_or_gone_is_said(tmp_path):
    put(tmp_path, "in/parcels/a.jsonl")
    os.symlink(tmp_path / "in", tmp_path / "linked")
    assert [each.reason.split(",")[0] for each in scan_folder(tmp_path / "linked", TABLES).passed_over] == [
        "it is a symbolic link"
    ]
    assert "No such file" in scan_folder(tmp_path / "nowhere", TABLES).passed_over[0].reason


def test_a_file_that_is_too_large_is_refused_before_it_is_read(tmp_path):
    put(tmp_path, "a.jsonl")
    assert content_of(tmp_path / "a.jsonl", 3) == b"{}\n"
    with pytest.raises(NotTaken, match="it has 3 bytes, at most 2 are taken"):
        content_of(tmp_path / "a.jsonl", 2)
