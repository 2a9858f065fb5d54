"""An embedding space as a release contains it: vectors of items, and of the words that describe items.

item_vectors.npy  (items, d) float32, in ascending order of the items' marks; mapped, never copied
nearest.faiss     an index over exactly these rows: inner product, larger is nearer
embeddings.npz    ids and marks of the items; mean; marks and vectors of each attribute's words; how a taste places a
                  user; golden queries with the rows that the index must find for them

The vector of a new item is the mean plus the vectors of its words; so is that of a user of whom only tastes are known.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infra.arrays import Float32s
from infra.errors import ReleaseMismatch
from infra.marks import Marks

EMBEDDINGS, VECTORS, INDEX = "embeddings.npz", "item_vectors.npy", "nearest.faiss"
Codes = NDArray[np.int32]
IdBytes = NDArray[np.bytes_]


@dataclass(frozen=True, slots=True)
class Attribute:
    """The vectors of the words of one attribute of items.

    marks    (words,) uint64, ascending
    vectors  (1 + words, d) float32; row 0 is zero and for every unknown word
    """

    marks: Marks
    vectors: Float32s

    def codes(self, marks: Marks) -> Codes:
        """(words,) the row of `vectors` for each word; 0 for an unknown one."""
        return places(self.marks, marks) + np.int32(1)


@dataclass(frozen=True, slots=True)
class Space:
    """Vectors of the items of a release, and the means to compute vectors of new items and of users.

    marks    (items,) uint64, ascending      vectors  (items, d) float32, mapped
    taste    the counter `view.counter` of an asker that says how much one likes each word of attribute `tasted`
    queries  (golden, d) float32             found    (golden, k) int32: the rows the index must find, in any order
    """

    marks: Marks
    vectors: Float32s
    mean: Float32s
    attributes: Mapping[str, Attribute]
    taste: str
    tasted: str
    queries: Float32s
    found: Codes

    @property
    def width(self) -> int:
        """How many numbers a vector has."""
        return int(self.vectors.shape[1])

    def places(self, marks: Marks) -> Codes:
        """(items,) int32, the place of each item; -1 for those not in the space."""
        return places(self.marks, marks)

    def described(self, codes: Mapping[str, Codes]) -> Float32s:
        """(n, d) the vectors of items of which only words are known; `codes` as `Attribute.codes` gives them."""
        parts = [self.attributes[name].vectors[rows] for name, rows in codes.items()]
        return np.asarray(self.mean + sum(parts), dtype=np.float32)

    def tasting(self, codes: Codes, liked: Float32s) -> Float32s | None:
        """(d,) the vector of a user by how much each word is liked; None when no known word is liked."""
        weights = np.where(codes > 0, np.fmax(liked, 0), 0).astype(np.float32)  # of NaN and 0, 0
        total = float(weights.sum())
        if total <= 0:
            return None
        liking = weights.dot(self.attributes[self.tasted].vectors[codes])
        return np.asarray(self.mean + liking / total, dtype=np.float32)


def places(known_marks: Marks, marks: Marks) -> Codes:
    """(marks,) int32, the place of each mark among the known ones, which ascend; -1 for an unknown one."""
    if not len(known_marks):
        return np.full(len(marks), -1, dtype=np.int32)
    place = np.minimum(np.searchsorted(known_marks, marks), len(known_marks) - 1)
    return np.where(known_marks[place] == marks, place, -1).astype(np.int32)


def write(space: Space, ids: IdBytes, folder: Path) -> None:
    """Write all files but the index; `ids` (items,) are the items' ids in the order of their marks."""
    arrays: dict[str, NDArray[Any]] = {f"marks.{name}": attribute.marks for name, attribute in space.attributes.items()}
    arrays |= {f"vectors.{name}": attribute.vectors for name, attribute in space.attributes.items()}
    np.save(folder / VECTORS, space.vectors)
    names, taste = np.array(list(space.attributes)), np.array([space.taste, space.tasted])
    arrays |= {"ids": ids, "marks": space.marks, "mean": space.mean, "attributes": names, "taste": taste}
    np.savez(folder / EMBEDDINGS, allow_pickle=False, queries=space.queries, found=space.found, **arrays)


def read(folder: Path) -> Space | None:
    """The space of a release, its vectors mapped, or None; raises ReleaseMismatch when it is broken."""
    if not (folder / EMBEDDINGS).exists():
        return None
    try:
        vectors = np.asarray(np.load(folder / VECTORS, mmap_mode="r", allow_pickle=False))
        with np.load(folder / EMBEDDINGS, allow_pickle=False) as arrays:
            attributes = {str(n): Attribute(arrays[f"marks.{n}"], arrays[f"vectors.{n}"]) for n in arrays["attributes"]}
            taste, tasted = (str(word) for word in arrays["taste"])
            space = Space(
                arrays["marks"], vectors, arrays["mean"], attributes, taste, tasted, arrays["queries"], arrays["found"]
            )
    except (OSError, ValueError, KeyError) as broken:
        raise ReleaseMismatch(f"{EMBEDDINGS} and {VECTORS} cannot be read: {broken}. Build it again.") from broken
    if vectors.shape != (len(space.marks), len(space.mean)) or np.any(space.marks[1:] < space.marks[:-1]):
        raise ReleaseMismatch(
            f"{VECTORS} has shape {vectors.shape}, {EMBEDDINGS} names {len(space.marks)} items of {len(space.mean)} "
            "numbers, or not in order. Build it again."
        )
    return space


def item_ids(folder: Path) -> IdBytes:
    """(items,) UTF-8, the names of the items whose vectors a release carries, in the vectors' order."""
    with np.load(folder / EMBEDDINGS, allow_pickle=False) as arrays:
        ids: IdBytes = arrays["ids"]
    return ids
