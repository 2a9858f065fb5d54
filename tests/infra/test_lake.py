"""What a reader of the lake finds while somebody replaces it: the old rows or the new ones, never both, never none."""

from datetime import date, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from infra import failpoint, live_files
from infra.errors import Unavailable
from infra.lake import Lake

DAY = date(2026, 5, 3)
OLD, NEW = pa.table({"x": ["old"] * 3}), pa.table({"x": ["new"] * 2})


def test_a_home_from_before_there_were_lists_reads_as_it_did_and_can_be_replaced(lake):
    folder = lake.path("labels", DAY)
    folder.mkdir(parents=True)
    for name in ("part-0a.parquet", "part-0b.parquet", ".part-0c.parquet"):
        pq.write_table(OLD, folder / name)
    assert (lake.days("labels"), len(lake.read("labels"))) == ([DAY], 6)
    lake.replace("labels", DAY, NEW)
    assert lake.read("labels").to_pylist() == NEW.to_pylist()
    assert len(list(folder.iterdir())) == 1


def test_what_is_added_to_a_replaced_day_counts(lake):
    lake.replace("labels", DAY, OLD)
    lake.append("labels", DAY, NEW, part="a")
    lake.append("labels", DAY, NEW, part="a")
    assert lake.read("labels")["x"].to_pylist() == ["old"] * 3 + ["new"] * 2


def test_a_dropped_day_is_gone_and_may_come_back(lake):
    lake.replace("labels", DAY, OLD)
    lake.drop("labels", DAY)
    assert lake.days("labels") == []
    lake.append("labels", DAY, NEW)
    assert lake.read("labels").to_pylist() == NEW.to_pylist()


def test_with_only_the_days_given_there_are_no_others(lake):
    lake.replace_days("labels", [(DAY, OLD), (DAY + timedelta(days=1), OLD)])
    lake.replace_days("labels", [(DAY + timedelta(days=2), NEW)], only=True)
    assert lake.days("labels") == [DAY + timedelta(days=2)]


def test_a_reader_finds_old_or_new_rows_at_every_step_of_a_replacement(lake, monkeypatch):
    lake.append("labels", DAY, OLD)
    seen = []
    monkeypatch.setattr(failpoint, "watching", lambda _: seen.append(set(lake.read("labels")["x"].to_pylist())))
    for rows in (NEW, OLD):
        lake.replace("labels", DAY, rows)
    assert len(seen) > 6
    assert all(found in ({"old"}, {"new"}) for found in seen)


def test_a_reader_that_is_overtaken_looks_again(lake, monkeypatch):
    lake.append("labels", DAY, OLD)
    listed = live_files.listed

    def overtaken(folder):
        found = listed(folder)
        monkeypatch.setattr(live_files, "listed", listed)
        Lake(lake.root).replace("labels", DAY, NEW)
        return found

    monkeypatch.setattr(live_files, "listed", overtaken)
    assert lake.read("labels").to_pylist() == NEW.to_pylist()


def test_a_draft_that_somebody_swept_away_is_an_error_and_changes_nothing(lake):
    lake.replace("labels", DAY, OLD)
    draft = lake.draft("labels", DAY)
    with pytest.raises(Unavailable, match="another process replaced the same days"):
        lake.switch("labels", {DAY: [draft]})
    assert lake.read("labels").to_pylist() == OLD.to_pylist()


def test_a_broken_list_is_a_sentence(lake):
    lake.replace("labels", DAY, OLD)
    (lake.path("labels") / live_files.LIST).write_text("{")
    with pytest.raises(Unavailable, match="the list of live files cannot be read"):
        lake.read("labels")
