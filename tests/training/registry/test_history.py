"""The release history: whatever becomes of one of its files, what was live when is known, or said to be lost."""

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.errors import HistoryLost
from training.registry.history import History
from training.registry.moves import Move, epoch_of, lines, parse_moves
from training.registry.standing import live_releases

AT = datetime(2026, 5, 12, tzinfo=UTC)
MOVES = [Move(AT + timedelta(days=n), "promote", str(n) if n else None, str(n + 1), "d", "ada", "–") for n in range(4)]


def written(folder: Path, moves: list[Move] = MOVES) -> History:
    """A history of these moves."""
    history = History(folder / "history.jsonl")
    for move in moves:
        history.append(move)
    return history


def bare(history: History) -> list[Move]:
    """What it tells, without the links."""
    return [move.bare() for move in history.read()]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_whatever_happens_to_one_of_the_two_files_nothing_is_lost(tmp_path: Path, data: st.DataObject) -> None:
    for old in tmp_path.iterdir():
        old.unlink()
    history = written(tmp_path)
    name = data.draw(st.sampled_from(["history.jsonl", "history.copy.jsonl"]))
    raw = (tmp_path / name).read_bytes()
    start = data.draw(st.integers(0, len(raw)))
    end = data.draw(st.integers(start, len(raw)))
    (tmp_path / name).write_bytes(raw[:start] + data.draw(st.binary(max_size=5)) + raw[end:])
    assert bare(history) == MOVES
    history.restore()
    assert {parse_moves((tmp_path / n).read_bytes()).moves for n in ("history.jsonl", "history.copy.jsonl")} == {
        history.read()
    }


@pytest.mark.parametrize("name", ["history.jsonl", "history.copy.jsonl"])
@pytest.mark.parametrize("line", range(4))
def test_a_line_that_lost_its_link_tells_the_same_move_and_gets_it_back(tmp_path: Path, name: str, line: int) -> None:
    history = written(tmp_path)
    told = (tmp_path / name).read_bytes().split(b"\n")
    told[line] = msgspec.json.encode(msgspec.json.decode(told[line], type=Move).bare())
    (tmp_path / name).write_bytes(b"\n".join(told))
    assert bare(history) == MOVES
    history.restore()
    assert (tmp_path / "history.jsonl").read_bytes() == (tmp_path / "history.copy.jsonl").read_bytes()
    assert all(move.link for move in history.read())


@pytest.mark.parametrize("name", ["history.jsonl", "history.copy.jsonl"])
def test_a_deleted_file_is_restored_and_the_next_move_follows(tmp_path: Path, name: str) -> None:
    history = written(tmp_path, MOVES[:3])
    (tmp_path / name).unlink()
    history.append(MOVES[3])
    assert bare(history) == MOVES
    assert (tmp_path / "history.jsonl").read_bytes() == (tmp_path / "history.copy.jsonl").read_bytes()


def test_what_was_broken_is_set_aside_for_whoever_wants_to_know(tmp_path: Path) -> None:
    history = written(tmp_path)
    path = tmp_path / "history.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"after":"3"', b'"after":"9"'))
    said = history.restore()
    assert said is not None
    assert "line 3 does not follow from the lines before it" in said
    assert b'"after":"9"' in (tmp_path / "history.broken").read_bytes()


def test_a_history_written_before_lines_were_chained_is_taken_over_without_loss(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    old = b"".join(msgspec.json.encode(move) + b"\n" for move in MOVES[:3])
    path.write_bytes(old)
    history = History(path)
    assert list(history.read()) == MOVES[:3]
    history.append(MOVES[3])
    assert path.read_bytes().startswith(old)
    assert [bool(move.link) for move in history.read()] == [False, False, False, True]
    path.write_bytes(path.read_bytes().replace(b'"ada"', b'"eve"', 1))
    assert bare(history) == MOVES, "the first link covers what came before it"


def test_a_line_without_its_link_behind_one_that_has_it_is_no_move(tmp_path: Path) -> None:
    written(tmp_path)
    raw = (tmp_path / "history.jsonl").read_bytes() + msgspec.json.encode(MOVES[0]) + b"\n"
    found = parse_moves(raw)
    assert found.broken is not None
    assert len(found.moves) == len(MOVES)


OLD = """\
{"at":"2026-05-12T00:00:00Z","action":"promote","before":null,"after":"1","digest":"d1","who":"ada","why":"–",\
"manifest":"m1","link":"9679d1bd848e49e478ca52fee8c921fd51d90cdd18d0a8f49576fb80e69e0f0d"}
{"at":"2026-05-13T00:00:00Z","action":"promote","before":"1","after":"2","digest":"d2","who":"ada","why":"–",\
"manifest":"m2","link":"f8fda0ceac785115823ac536be2b842d1b2da7bb40ddb318d6588d29cd92c8b5"}
{"at":"2026-05-14T00:00:00Z","action":"promote","before":"2","after":"3","digest":"d3","who":"ada","why":"–",\
"manifest":"m3","link":"c3cd12b50ad9ceb8e1fb64a636dcd0f960671668faa5a63ecc35866a543dad07"}
{"at":"2026-05-15T00:00:00Z","action":"rollback","before":"3","after":"2","digest":"d2","who":"ada","why":"–",\
"manifest":"m2","link":"edc35bf0464b1e8527f1a05d7a21b3e9e014bbdb1953f9c0dce41a23e6aa9bd7"}
"""  # written by the version of this project that knew no stages


def test_a_history_written_before_there_were_stages_is_read_as_it_was_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    path.write_text(OLD)
    history = History(path)
    assert lines(history.read()).decode() == OLD, "the same bytes, and so the same links"
    assert (live_releases(history.read()), epoch_of(history.read())) == (["1", "2"], 4)
    history.append(Move(AT, "enter", "2", "4", "d4", "ada", "–", "m4", stage="shadow", epoch=5, salt="s"))
    assert path.read_text().startswith(OLD)
    assert epoch_of(history.read()) == 5
    path.write_text(path.read_text().replace('"stage":"shadow"', '"stage":"canary 50"'))
    path.with_suffix(".copy.jsonl").unlink()
    with pytest.raises(HistoryLost, match="line 5 does not follow"):
        history.read()


def garbage(path: Path) -> None:
    kept = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([*kept[:2], b"garbage", *kept[3:]]))


def another(path: Path) -> None:
    path.unlink()
    written(path.parent / "elsewhere", [msgspec.structs.replace(MOVES[0], who="eve")])
    (path.parent / "elsewhere" / "history.jsonl").rename(path)


@pytest.mark.parametrize(("spoil", "kept"), [(garbage, 2), (another, 4)], ids=["both broken", "two stories"])
def test_when_both_files_are_no_help_it_says_so_and_how_to_go_on(tmp_path: Path, spoil: object, kept: int) -> None:
    (tmp_path / "elsewhere").mkdir()
    history = written(tmp_path)
    spoil(tmp_path / "history.jsonl")  # type: ignore[operator]
    if kept == 2:
        garbage(tmp_path / "history.copy.jsonl")
    for attempt in (history.read, lambda: history.append(MOVES[0])):
        with pytest.raises(HistoryLost, match="flywheel releases --repair"):
            attempt()
    assert history.salvage()
    assert live_releases(history.read()) == ["1", "2", "3", "4"][:kept]


def test_moves_of_several_threads_stand_one_after_the_other(tmp_path: Path) -> None:
    history = History(tmp_path / "history.jsonl")

    def move(who: str) -> None:
        for _ in range(20):
            with history.locked():
                seen = history.read()
                history.append(Move(AT, "promote", str(len(seen)), str(len(seen) + 1), "d", who, "raced"))

    threads = [threading.Thread(target=move, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [m.after for m in history.read()] == [str(i + 1) for i in range(80)]
