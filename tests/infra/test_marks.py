"""Marks: what one process wrote down, every other one finds."""

from infra.marks import mark, marks


def test_a_mark_stays_what_it_was() -> None:
    hashed = bytes.fromhex("1c8a073540fe0bda")
    assert mark("v1") == int.from_bytes(hashed, "little"), "seen sets in Redis hold these numbers"


def test_many_words_are_marked_as_one_word_is() -> None:
    words = ["v1", "", "vidéo", "v1"]
    assert marks(words).tolist() == [mark(word) for word in words]
    assert marks([]).tolist() == []
