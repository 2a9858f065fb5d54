"""Who was erased is known for good, by digests that nobody can try ids against."""

import stat

import pytest

from infra.errors import Unavailable
from infra.tombstones import FILE, bury, read_tombstones


def test_a_buried_person_is_recognised_by_every_later_reader_and_nobody_else_is(tmp_path):
    assert "anna" not in read_tombstones(tmp_path)
    bury(tmp_path, ["anna"])
    bury(tmp_path, ["bert", "anna"])
    tombstones = read_tombstones(tmp_path)
    assert [person in tombstones for person in ("anna", "bert", "ann", "", None)] == [True, True, False, False, False]
    assert len(tombstones.digests) == 2


def test_the_file_holds_no_id_and_belongs_to_its_owner_alone(tmp_path):
    bury(tmp_path, ["anna"])
    assert b"anna" not in (tmp_path / FILE).read_bytes()
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600


def test_two_installations_have_other_digests_of_one_person(tmp_path):
    assert bury(tmp_path / "a", ["anna"]).digest("anna") != bury(tmp_path / "b", ["anna"]).digest("anna")


def test_a_broken_file_stops_what_needs_it(tmp_path):
    (tmp_path / FILE).write_text("{")
    with pytest.raises(Unavailable, match="Put back its newest copy"):
        read_tombstones(tmp_path)
    with pytest.raises(Unavailable):
        bury(tmp_path, ["anna"])
