"""Words and codes in mapped arrays: what one process writes every other one reads; a full one is full, not wrong."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.marks import mark, marks
from serving.items import vocabulary
from serving.items.combinations import Combinations
from serving.items.mark_index import MarkIndex
from serving.items.shared_arrays import SharedArrays
from serving.items.vocabulary import SMALL, Vocabulary

WORDS = [f"w{i}" for i in range(5000)]


@given(st.lists(st.text(max_size=30), max_size=300))
def test_every_word_has_one_code_and_reads_back(words: list[str]) -> None:
    vocabulary = Vocabulary(SharedArrays(None), "words", 1024)
    codes = vocabulary.codes(words)
    assert vocabulary.words_of(codes) == words
    assert len(set(codes.tolist())) == len(set(words)) == len(vocabulary) - 1
    assert vocabulary.find_all(words).tolist() == codes.tolist()


def test_words_outlive_their_process_and_can_be_added_to(tmp_path: Path) -> None:
    first = Vocabulary(SharedArrays(tmp_path), "words", 10_000)
    codes = first.codes(WORDS[:3000])
    again = Vocabulary(SharedArrays(tmp_path), "words", 10_000)
    assert again.words_of(codes) == WORDS[:3000]
    more = again.codes(WORDS)
    assert more[:3000].tolist() == codes.tolist(), "a code never changes"
    assert first.find_all(WORDS).tolist() == more.tolist(), "who mapped it before sees what was added"


@pytest.mark.parametrize("size", [10, SMALL + 10], ids=["few", "many"])
def test_few_and_many_words_are_found_alike(tmp_path: Path, size: int) -> None:
    words = [f"w{i}" for i in range(size)]
    written = Vocabulary(SharedArrays(tmp_path), "words", 10_000)
    read = Vocabulary(SharedArrays(tmp_path), "words", 10_000)
    for part in (words[: size // 2], words):
        codes = written.codes(part)
        assert read.find_all([*part, "new", None]).tolist() == [*codes.tolist(), 0, 0]
        assert [read.find(word) for word in (part[-1], "new", None)] == [codes[-1], 0, 0]
        assert read.array()[codes].tolist() == part


def test_words_asked_for_often_are_found_however_few_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vocabulary, "SMALL", 0)
    monkeypatch.setattr(vocabulary, "LATELY", 10)
    small = Vocabulary(SharedArrays(None), "words", 1024)
    words = [f"w{i}" for i in range(40)]
    codes = dict(zip(words[:30], small.codes(words[:30]).tolist(), strict=True))
    for looked_up in ([words[0], words[35]], words[3:9], words[7:14], words, words[:2], [words[35]] * 3):
        assert small.find_all(looked_up).tolist() == [codes.get(word, 0) for word in looked_up]
    codes |= dict(zip(words[30:], small.codes(words[30:]).tolist(), strict=True))
    assert small.find_all(words).tolist() == list(codes.values()), "what comes later is found, too"


def test_what_was_never_met_and_none_have_code_0() -> None:
    vocabulary = Vocabulary(SharedArrays(None), "words", 1024)
    assert vocabulary.find("a") == 0, "before there is any word"
    vocabulary.codes(["None", "a"])
    assert vocabulary.find_all(["b", None, "a"]).tolist() == [0, 0, vocabulary.find("a")]
    assert vocabulary.find(None) == 0
    assert vocabulary.codes([None]).tolist() == [0]
    assert vocabulary.words == [None, "None", "a"]


def test_lists_of_words_are_words_too() -> None:
    vocabulary = Vocabulary(SharedArrays(None), "lists", 1024, lists=True)
    codes = vocabulary.codes([("DE", "FR"), (), ("DE,FR",), ("DE", "FR")])
    assert vocabulary.words_of(codes) == [("DE", "FR"), (), ("DE,FR",), ("DE", "FR")]
    assert len(set(codes.tolist())) == 3


def test_a_full_vocabulary_knows_what_it_knew(tmp_path: Path) -> None:
    vocabulary = Vocabulary(SharedArrays(tmp_path), "words", 101)
    codes = vocabulary.codes(WORDS[:150])
    assert sorted(codes.tolist()) == [0] * 50 + list(range(1, 101))
    assert vocabulary.words_of(codes[codes > 0]) == WORDS[:100]
    assert vocabulary.codes(WORDS[:150]).tolist() == codes.tolist()


def test_words_too_long_for_the_room_are_left_out(tmp_path: Path) -> None:
    vocabulary = Vocabulary(SharedArrays(tmp_path), "words", 100)
    assert vocabulary.codes(["short", "x" * 100_000]).tolist() == [1, 0]
    assert vocabulary.codes(["next"]).tolist() == [2]


def test_a_writer_that_died_between_a_word_and_its_slot_costs_a_row(tmp_path: Path) -> None:
    index = MarkIndex(SharedArrays(tmp_path), "marks", 5000)
    index.add(marks(WORDS[:10]))
    head = SharedArrays(tmp_path).open("marks.head", np.int64, 3).values
    head[0] += 1  # a row that no slot leads to
    after = index.add(marks(WORDS[10:2000]))
    assert index.find(marks(WORDS[10:2000])).tolist() == after.tolist()
    assert after[0] == 12


def test_marks_that_share_a_home_are_told_apart() -> None:
    index = MarkIndex(SharedArrays(None), "marks", 5000)
    crowded = np.arange(1, 400, dtype=np.uint64) << np.uint64(32)  # all of them want the same slot
    rows = index.add(crowded)
    assert index.find(crowded).tolist() == rows.tolist() == list(range(1, 400))
    assert index.find(crowded + np.uint64(1)).tolist() == [0] * 399
    assert index.marks(rows).tolist() == crowded.tolist()


@pytest.mark.parametrize("keys", [2, 3])
def test_combinations_are_found_by_their_codes(keys: int) -> None:
    arrays = SharedArrays(None)
    parts = [Vocabulary(arrays, f"part {i}", 1024) for i in range(keys)]
    pairs = Combinations(arrays, "pairs", 100_000, parts)
    met = [tuple(f"{(i * 7 + k) % (10 + k)}" for k in range(keys)) for i in range(90)]
    rows = pairs.rows_of(met)
    assert len(set(rows.tolist())) == len(set(met)) == len(pairs) - 1
    codes = np.stack([part.find_all([key[k] for key in met]) for k, part in enumerate(parts)], axis=1)
    assert pairs.find_all(codes).tolist() == rows.tolist() == pairs.find_keys(met).tolist()
    assert pairs.find_all(codes[:, ::-1] + 500).tolist() == [0] * len(met)


def test_a_combination_that_comes_is_found_by_who_asked_before(tmp_path: Path) -> None:
    def opened() -> Combinations:
        arrays = SharedArrays(tmp_path)
        return Combinations(arrays, "pairs", 1024, [Vocabulary(arrays, name, 1024) for name in ("left", "right")])

    written, read = opened(), opened()
    written.rows_of([("a", "b")])
    assert read.find_all([(1, 1), (2, 1)]).tolist() == [1, 0]
    written.rows_of([("c", "b")])
    assert read.find_all([(1, 1), (2, 1)]).tolist() == [1, 2]


def test_the_mark_of_a_word_is_known_of_its_code() -> None:
    vocabulary = Vocabulary(SharedArrays(None), "words", 1024)
    assert vocabulary.marks(vocabulary.codes(["a", "b"])).tolist() == [mark("a"), mark("b")]
