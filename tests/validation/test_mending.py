"""A file of mended rows, as people and their programs write it: read, or refused by the line, and nothing half done."""

import json

import pytest
from parcels import ARRIVAL, PARCELS, delivered, parcel

from infra.errors import MendRefused
from infra.lake import Lake
from infra.settings import Settings
from orchestration.mending import replay_day
from orchestration.system import Installation
from validation.batches import quarantine
from validation.batches.intake import ingest, replay
from validation.batches.quarantine import mended_by

GOOD = json.dumps({"batch": "b1", "row": 40, "mended": parcel(99)})


@pytest.mark.parametrize(
    "content",
    [
        GOOD.encode(),
        GOOD.encode("utf-8-sig"),
        ("\r\n" + GOOD + "\r\n\r\n").encode("utf-16"),  # what a Windows shell writes for `>`
        b"\xfe\xff" + GOOD.encode("utf-16-be"),
    ],
    ids=["UTF-8", "with a mark", "UTF-16", "UTF-16, big end first"],
)
def test_a_mend_file_in_any_usual_code_mends(content, lake):
    ingest(lake, PARCELS, delivered([*map(parcel, range(40)), b"{"]), ARRIVAL, "b1")
    line = replay(lake, PARCELS, ARRIVAL.date(), ARRIVAL, mended_by(content))
    assert (line.accepted, line.quarantined) == (1, 0)


@pytest.mark.parametrize(
    "broken",
    [
        b"{",
        b"\xff",
        b"[]",
        b"7",
        b'{"batch": "b1", "row": "40", "mended": {}}',
        b'{"row": 40, "mended": {}}',
        b"[" * 100_000,
        b'{"batch": "\\ud800", "row": 1}',
        GOOD.replace("torn", "whole").replace('"p99"', '"p98"').encode(),
    ],
    ids=["half", "no UTF-8", "a list", "a number", "row is text", "no batch", "deep", "surrogate", "the same row anew"],
)
def test_a_line_that_is_none_is_told_by_its_number(broken):
    with pytest.raises(MendRefused, match=r"line 3") as refused:
        mended_by(GOOD.encode() + b"\n\n" + broken)
    assert str(refused.value).replace("\n", "").isprintable()


def test_a_file_that_is_no_text_at_all_is_told():
    with pytest.raises(MendRefused, match="UTF-16"):
        mended_by(b"\xff\xfe\x00")


def test_what_is_mended_into_no_row_stays_in_quarantine(lake):
    ingest(lake, PARCELS, delivered([*map(parcel, range(40)), b"{"]), ARRIVAL, "b1")
    mend = mended_by(b'{"batch": "b1", "row": 40, "mended": "p99"}')
    assert replay(lake, PARCELS, ARRIVAL.date(), ARRIVAL, mend).quarantined == 1
    assert [row.raw for _, row in quarantine.waiting_rows(lake, "parcels")] == [b"{"]


class Home:
    """An installation of one table."""

    def __init__(self, root):
        self.settings = Settings(home=root)
        self.lake = Lake(self.settings.lake)
        self.system, self.tables = self, {"parcels": PARCELS}

    def now(self):
        return ARRIVAL


@pytest.fixture
def at(tmp_path) -> Installation:
    home = Home(tmp_path)
    ingest(home.lake, PARCELS, delivered([*map(parcel, range(60)), b"{", b"}"]), ARRIVAL, "b1")
    return home  # type: ignore[return-value]


def sheet(path, *rows):
    path.write_text("\n".join(json.dumps({"batch": "b1", "row": row, "mended": parcel(row)}) for row in rows))
    return path


def test_mended_rows_that_do_not_wait_are_told_and_the_others_replayed(at, tmp_path):
    said = []
    [line] = replay_day(at, ARRIVAL.date(), sheet(tmp_path / "mend", 60, 77), "parcels", said.append)
    assert line.accepted == 1
    assert said[0].startswith("1 of 2 mended rows do not wait in quarantine of 2026-05-04 (row 77 of batch b1")


def test_a_mend_file_of_which_no_row_waits_is_refused_and_nothing_replayed(at, tmp_path):
    with pytest.raises(MendRefused, match="nothing was replayed"):
        replay_day(at, ARRIVAL.date(), sheet(tmp_path / "mend", 77), "parcels")
    assert len(quarantine.waiting_rows(at.lake, "parcels")) == 2


def test_a_mend_file_that_is_not_there_is_told(at, tmp_path):
    with pytest.raises(MendRefused, match="cannot be read"):
        replay_day(at, ARRIVAL.date(), tmp_path / "nothing", "parcels")
