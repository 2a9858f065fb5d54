"""A file is written whole or not at all."""

from pathlib import Path

import pytest

from infra.atomic import atomic_write


def test_readers_find_the_old_content_until_all_of_the_new_is_there(tmp_path: Path) -> None:
    target = tmp_path / "folder" / "file"
    with atomic_write(target) as draft:
        draft.write_text("old")
    with atomic_write(target) as draft:
        draft.write_text("ne")
        assert target.read_text() == "old"
        draft.write_text("new")
    assert target.read_text() == "new"
    assert list(target.parent.iterdir()) == [target]


def test_an_error_changes_nothing(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_text("old")

    def written_to_a_full_disk() -> None:
        with atomic_write(target) as draft:
            draft.write_text("ne")
            raise OSError("No space left on device")

    with pytest.raises(OSError, match="No space left"):
        written_to_a_full_disk()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]
