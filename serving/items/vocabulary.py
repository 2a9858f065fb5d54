"""Words and their codes in mapped arrays, so that no process needs eight million strings of its own."""

from collections.abc import Hashable, Iterable, Sequence
from itertools import repeat
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from feature_repo.records import Key
from infra.marks import Marks, marks
from serving.items.mark_index import Codes, MarkIndex
from serving.items.shared_arrays import SharedArrays

LETTERS = 48  # bytes of room for a word, on average
LATELY = 1 << 16  # words: of a larger vocabulary, so many that were asked for lately are kept as objects
SMALL = 4096  # words: a vocabulary of so many is also kept as objects of the process


class Vocabulary:
    """Words and their codes, counted from 1; code 0 is for None and for every unknown word.

    Words are found by their marks: two words with one mark would be one word, a chance of one in half a million among
    eight million words. Words that are `lists` are written as JSON. Words are added by one process and never removed.
    """

    def __init__(self, arrays: SharedArrays, name: str, capacity: int, *, lists: bool = False) -> None:
        self.lists = lists
        self._index = MarkIndex(arrays, name, capacity)
        self._ends = arrays.open(f"{name}.ends", np.int64, capacity)
        self._letters = arrays.open(f"{name}.letters", np.uint8, capacity * LETTERS)
        self._own: tuple[int, dict[Hashable, int]] = 1, {}
        self._asked: dict[Hashable, int] = {}
        self._words: list[Any] = [None]
        self._array: NDArray[Any] | None = None

    def __len__(self) -> int:
        return len(self._index)

    def codes(self, words: Sequence[Hashable]) -> Codes:
        """The code of each word, new if need be; 0 for None and for words that there is no more room for."""
        own = self._small()
        codes = self._lately(words) if own is None else own
        new = [word for word in dict.fromkeys(words) if word is not None and word not in codes]
        if not new:
            return np.fromiter(map(codes.get, words, repeat(0)), np.int32, len(words))
        added = dict(zip(new, self._add(new).tolist(), strict=True))
        return np.array([codes.get(word) or added.get(word, 0) for word in words], dtype=np.int32)

    def find(self, word: Hashable) -> int:
        """The code of a word, 0 if it was never met."""
        return (self._small() or self._lately([word])).get(word, 0)

    def find_all(self, words: Iterable[Hashable]) -> Codes:
        """The code of each word."""
        words, small = list(words), self._small()
        codes = list(map(self._asked.get, words)) if small is None else [*map(small.get, words, repeat(0))]
        if None in codes:
            codes = list(map(self._lately(words).get, words, repeat(0)))
        return np.array(codes, dtype=np.int32)

    def rows_of(self, keys: Sequence[Key]) -> Codes:
        """The code of each key of one part, new if need be."""
        return self._add([key[0] for key in keys])

    def find_keys(self, keys: Sequence[Key]) -> Codes:
        """The code of each key of one part, 0 if it was never met."""
        return self.find_all([key[0] for key in keys])

    def marks(self, codes: Codes) -> Marks:
        """The mark of each code's word, 0 for code 0."""
        return self._index.marks(codes)

    def word(self, code: int) -> Any:
        """The word of a code."""
        return self.words_of(np.array([code]))[0]

    def words_of(self, codes: NDArray[Any]) -> list[Any]:
        """The word of each code, None for code 0."""
        ends, letters = self._ends.values.data, self._letters.values.data
        return [self._read(letters[ends[code - 1] : ends[code]]) if code else None for code in codes.tolist()]

    @property
    def words(self) -> list[Any]:
        """Every word at the place of its code, as objects of the process: not for vocabularies of millions."""
        words, size = self._words, len(self)
        if len(words) < size:  # put there in one step: threads may do so at the same time
            self._words = words = [*words, *self.words_of(np.arange(len(words), size))]
        return words

    def array(self) -> NDArray[Any]:
        """The words as an array that codes index; it needs as much memory as `words`."""
        if self._array is None or len(self._array) < len(self):
            words = self.words
            array = np.empty(len(words), dtype=object)
            array[:] = words
            self._array = array  # in one step: threads may do so at the same time
            return array
        return self._array

    def _small(self) -> dict[Hashable, int] | None:
        """The code of every word as objects of the process, None when there are too many."""
        (size, own), now = self._own, len(self._index)
        if size < now <= SMALL:
            own = {word: code for code, word in enumerate(self.words[:now]) if code}
            self._own = now, own
        return own if now <= SMALL else None

    def _lately(self, words: Sequence[Hashable]) -> dict[Hashable, int]:
        """The codes of these words and of others asked for lately: a code never changes, and a mark is dear to make."""
        lately = self._asked
        new = [word for word in words if word is not None and word not in lately]
        if new:
            if len(lately) + len(new) > LATELY:  # begun anew, as another dictionary: threads may be reading the old one
                lately, new = {}, [word for word in words if word is not None]
            codes = self._index.find(marks(self._texts(new)))
            lately.update({word: code for word, code in zip(new, codes.tolist(), strict=True) if code})
            if len(lately) <= LATELY:
                self._asked = lately
        return lately

    def _add(self, words: Sequence[Hashable]) -> Codes:
        texts = self._texts(words)
        hashed = marks(texts)
        codes = self._index.find(hashed)
        missing = np.flatnonzero(codes == 0)
        if len(missing):
            _, first = np.unique(hashed[missing], return_index=True)
            missing = missing[np.sort(first)]
            self._index.add(hashed[missing[: self._write([texts[i] for i in missing])]])
            codes = self._index.find(hashed)
        return codes

    def _write(self, texts: Sequence[str]) -> int:
        """Write the letters of words whose codes come next; says for how many there was room."""
        written = [text.encode() for text in texts]
        first = len(self)
        start = int(self._ends.values[first - 1])
        ends = start + np.cumsum([len(text) for text in written])
        room = self._letters.reserve(int(ends[-1]))
        fit = min(int(np.searchsorted(ends, room, side="right")), self._ends.reserve(first + len(texts)) - first)
        if fit > 0:
            letters = b"".join(written[:fit])
            self._letters.values[start : start + len(letters)] = np.frombuffer(letters, dtype=np.uint8)
            self._ends.values[first : first + fit] = ends[:fit]
        return max(fit, 0)

    def _texts(self, words: Sequence[Hashable]) -> list[str]:
        return [msgspec.json.encode(word).decode() for word in words] if self.lists else list(map(str, words))

    def _read(self, letters: memoryview) -> Any:
        return tuple(msgspec.json.decode(letters)) if self.lists else str(letters, "utf-8")
