"""The comparison of two feeds: equal ones pass, and whatever differs is refused and named."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.same_feed import difference, figures, requests
from tests.same_feed.__main__ import REFERENCE, main

Figures = dict[str, Any]
MANY = [{"user_id": f"u{i:03}", "device": "phone"} for i in range(400)]


@pytest.fixture(scope="module")
def reference() -> Figures:
    """The figures in the tree."""
    return difference.read(REFERENCE)


def against(tmp_path: Path, before: Figures, now: Figures) -> int:
    """The exit status of a comparison of two files."""
    for name, one in (("before", before), ("now", now)):
        difference.write(tmp_path / name, one)
    return main(["--against", str(tmp_path / "before"), "--figures", str(tmp_path / "now")])


def page(found: Figures) -> Figures:
    return next(iter(found["pages"].values()))


def another_video(found: Figures) -> None:
    page(found)["videos"] = "v9999999 " + page(found)["videos"].partition(" ")[2]


def other_order(found: Figures) -> None:
    page(found)["videos"] = " ".join(reversed(page(found)["videos"].split()))


def another_rung(found: Figures) -> None:
    page(found)["served_by"] = "popular"


def another_model(found: Figures) -> None:
    found["release"]["files"]["model.ubj"] = "0" * 16


def another_type(found: Figures) -> None:
    found["release"]["features"]["video_age"] = "double"


def a_last_bit(found: Figures) -> None:
    found["tables"]["labels"]["sum"] += 1e-6


def a_gate_that_refuses(found: Figures) -> None:
    found["verdict"]["gates"]["baseline"]["passed"] = False


def a_page_less(found: Figures) -> None:
    del found["pages"][next(iter(found["pages"]))]


def a_key_less(found: Figures) -> None:
    del found["release"]["recipe digest"]


def a_table_more(found: Figures) -> None:
    found["tables"]["tables/comments"] = {"rows": 1}


CHANGES = {
    another_video: "1 of 20 differ, at 1: v",
    other_order: "the same words in another order",
    another_rung: "served_by: full → popular",
    another_model: "release · files.model.ubj: ",
    another_type: "release · features.video_age: float → double",
    a_last_bit: "tables · labels.sum: ",
    a_gate_that_refuses: "verdict · gates.baseline.passed: true → false",
    a_page_less: "videos: is gone; it was v",
    a_key_less: "release · recipe digest: is gone",
    a_table_more: "tables · tables/comments.rows: is new: 1",
}


def test_the_same_feed_is_the_same(reference: Figures, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    elsewhere = copy.deepcopy(reference)
    elsewhere["made on"]["commit"] = "f" * 40
    assert against(tmp_path, reference, elsewhere) == 0
    assert "The feed is the same" in capsys.readouterr().out


@pytest.mark.parametrize(("change", "words"), CHANGES.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_what_differs_is_refused_and_named(
    change: Callable[[Figures], None],
    words: str,
    reference: Figures,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    now = copy.deepcopy(reference)
    change(now)
    assert against(tmp_path, reference, now) == 1
    assert words in capsys.readouterr().out


def test_other_libraries_are_named_first(
    reference: Figures, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    now = copy.deepcopy(reference)
    now["made on"]["xgboost"] = "9.9.9"
    another_model(now)
    assert against(tmp_path, reference, now) == 1
    first = capsys.readouterr().out.splitlines()[0]
    assert "xgboost" in first
    assert "9.9.9" in first


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"made on": {', "null"], ids=lambda text: text or "empty")
def test_a_file_without_figures_is_refused(text: str, reference: Figures, tmp_path: Path) -> None:
    broken, sound = tmp_path / "broken.json", tmp_path / "sound.json"
    broken.write_text(text)
    difference.write(sound, reference)
    assert main(["--against", str(broken), "--figures", str(sound)]) == 2
    assert main(["--against", str(sound), "--figures", str(broken)]) == 2
    assert main(["--against", str(tmp_path / "absent.json"), "--figures", str(sound)]) == 2


@pytest.mark.parametrize("part", difference.SECTIONS)
def test_figures_of_which_a_part_is_empty_are_refused(part: str, reference: Figures, tmp_path: Path) -> None:
    emptied = tmp_path / "emptied.json"
    emptied.write_text(json.dumps({**reference, part: {}}))
    with pytest.raises(difference.UnreadableError, match=part):
        difference.read(emptied)


def test_figures_are_read_as_they_were_written(reference: Figures, tmp_path: Path) -> None:
    odd = {**reference, "pages": {"a": {"x": 1, "y": None}, "b": {"x": 1}, "c": {"x": None, "z": float("inf")}}}
    for one in (reference, odd):
        difference.write(tmp_path / "written.json", one)
        assert difference.read(tmp_path / "written.json") == one


def test_the_reference_has_pages_of_all_kinds_and_is_small(reference: Figures) -> None:
    rungs = [page["served_by"] for page in reference["pages"].values()]
    assert rungs.count("full") >= 200
    assert rungs.count("popular") >= requests.LOWEST
    found = " ".join(page.get("sources", "") for page in reference["pages"].values())
    for source in ("personal", "followed", "creator_affinity", "category_affinity", "trending", "fresh", "exploration"):
        assert source in found
    assert reference["release"]["kind"] == "xgboost"
    assert REFERENCE.stat().st_size < 200_000


def test_the_same_pages_are_asked_for_each_time() -> None:
    pages = requests.pages(MANY)
    assert len(pages) == 200
    assert pages == requests.pages(MANY)
    assert len({one["request_id"] for one in pages.values()}) == 200


def test_a_tables_digest_knows_values_but_not_the_order_of_rows() -> None:
    table = pa.table({"id": ["a", "b"], "value": [1.0, 2.0], "words": [["x"], None]})
    other = pa.table({"id": ["a", "b"], "value": [2.0, 1.0], "words": [["x"], None]})
    assert figures.content(table) == figures.content(table.take([1, 0]))
    assert figures.content(table)["digest"] != figures.content(other)["digest"]
    assert figures.content(table)["sum"] == figures.content(other)["sum"]
