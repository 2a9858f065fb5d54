"""The items nearest to a user: the release's index, and beside it the items that came after the release."""

from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from feature_repo import embedding_space
from feature_repo.embedding_space import INDEX, VECTORS, Space
from feature_repo.records import Layout, vector_layout
from infra.arrays import Float32s
from infra.errors import ReleaseMismatch
from infra.loops import loop
from infra.manifest import read_manifest
from infra.marks import NO_MARKS
from serving.asker import RequestAsker
from serving.definition import Served
from serving.items import Codes, ItemBlock, ItemStates
from validation.contract import unknown

if TYPE_CHECKING:
    import faiss

NEW = 16_384  # the newest items that came after the release: each is compared, all in a tenth of a millisecond
AT_ONCE = 100_000  # rows looked up together: some tens of MB
AGREEING = 0.9  # share of golden neighbours found again: on another processor the last one or two may change places


@dataclass(frozen=True, slots=True)
class After:
    """Items without a place in the space: their rows, the newest last, and (items, d) vectors made of their words."""

    rows: Codes
    vectors: Float32s


class NearestItems:
    """One release's embedding space over the items known now. `refresh` takes in what has come since."""

    def __init__(self, space: Space, index: "faiss.Index", layout: Layout, states: ItemStates, served: Served) -> None:
        self._space, self._index, self._states = space, index, states
        self._item, self._view = served.policy.service.item, served.policy.service.item_view
        self._taste, self._counter, self._half_life = _taste(space, served)
        self._places: Codes = np.zeros(0, dtype=np.int32)  # row → place in the space, -1 for none
        self._rows: Codes = np.zeros(len(space.marks), dtype=np.int32)  # place → row, 0 for none
        self._words = {name: np.zeros(0, dtype=np.int32) for name in space.attributes}
        self._after = After(self._places, np.zeros((0, space.width), dtype=np.float32))
        self.layout = layout
        self.refresh()

    @classmethod
    def of(cls, folder: Path, states: ItemStates, served: Served) -> "NearestItems | None":
        """What a release's folder holds; None when it carries no embeddings."""
        space = embedding_space.read(folder)
        if space is None:
            return None
        digest = read_manifest(folder).files[VECTORS]
        layout = vector_layout(served.features.name, served.policy.service.user, digest, space.width)
        return cls(space, opened(folder, space), layout, states, served)

    def near(self, vector: Float32s, k: int) -> Codes:
        """At most k rows of items, nearest first."""
        all_scores, all_places = self._index.search(vector[None], k)
        rows, scores = np.empty(k, dtype=np.int32), np.empty(k, dtype=np.float32)
        count = _known(all_places, all_scores, self._rows, rows, scores)
        rows, scores = rows[:count], scores[:count]
        return self._with_new(rows, scores, vector, k) if len(self._after.rows) else rows

    def user_vector(self, who: RequestAsker) -> Float32s | None:
        """(d,) float32, as it was learned, else made of the asker's tastes; None when nothing is known."""
        if who.user.vector is not None:
            return who.user.vector
        tastes = who.user.mixed.get(self._taste)
        if tastes is None or not len(tastes.at):
            return None
        newest = np.fmax.reduce(tastes.at)  # only their ratios count, which decay changes no more after the newest
        liked = tastes.values[:, self._counter] * np.exp2((tastes.at - newest) / self._half_life)
        space_codes = self._words[self._space.tasted]
        codes = tastes.codes[0]
        in_space = space_codes[np.where(codes < len(space_codes), codes, 0)] if len(space_codes) else codes * 0
        return self._space.tasting(in_space, liked)

    def vectors(self, rows: Codes) -> Float32s:
        """(n, d) float32 of length 1: as learned, else made of the items' words; zeros for unknown items."""
        vectors, other = np.zeros((len(rows), self._space.width), dtype=np.float32), np.empty(len(rows), dtype=np.int64)
        other = other[: _learned(rows, self._places, self._space.vectors, self._space.width, vectors, other)]
        if len(other):
            vectors[other] = self._described(self._states.gather(rows[other]))
        _shorten(vectors, self._space.width)
        return vectors

    def refresh(self) -> None:
        """Take in items and words that have come since; for a thread in the background, one at a time."""
        for name, codes in self._words.items():
            self._words[name] = np.append(codes, self._codes(name, len(codes)))
        places = [self._places]
        last = len(self._states.words[self._item])
        for first in range(len(self._places), last, AT_ONCE):
            rows = np.arange(first, min(first + AT_ONCE, last), dtype=np.int32)
            new = np.where(rows > 0, self._space.places(self._states.gather(rows).marks), -1).astype(np.int32)
            self._rows[new[new >= 0]] = rows[new >= 0]
            places.append(new)
        self._places = np.concatenate(places)
        without_place = np.flatnonzero(self._places[1:] < 0)[-NEW:].astype(np.int32) + np.int32(1)
        block = self._states.gather(without_place)
        block = block.take(np.flatnonzero(block.known))
        self._after = After(block.rows, self._described(block))

    def _with_new(self, rows: Codes, scores: Float32s, vector: Float32s, k: int) -> Codes:
        """The rows found in the index, and among them those that came after the release and are as near."""
        after = self._after
        new = after.vectors @ vector
        better = np.flatnonzero(new > scores[-1]) if len(rows) == k else np.arange(len(new))
        if len(better) > k:
            better = better[np.argpartition(-new[better], k - 1)[:k]]
        if not len(better):
            return rows
        rows, scores = np.append(rows, after.rows[better]), np.append(scores, new[better])
        return rows[np.argsort(-scores, kind="stable")[:k]]

    def _codes(self, name: str, first: int) -> Codes:
        """The space's codes of the words that item states have for an attribute, from the `first` on."""
        vocabulary = self._states.vocabulary(f"{self._view}.{name}")
        words = (
            vocabulary.marks(np.arange(first, len(vocabulary), dtype=np.int32)) if vocabulary is not None else NO_MARKS
        )
        return self._space.attributes[name].codes(words)

    def _described(self, block: ItemBlock) -> Float32s:
        codes = {}
        for name, space_codes in self._words.items():
            field = block.field(f"{self._view}.{name}")
            if field is None or not len(space_codes):
                codes[name] = np.zeros_like(block.rows)
            else:
                codes[name] = space_codes[np.where(field < len(space_codes), field, 0)]
        return self._space.described(codes)


@loop("int64(read(int64[:, :]), read(float32[:, :]), read(int32[:]), int32[:], float32[:])")
def _known(places: NDArray[np.int64], near: Float32s, row_of: Codes, rows: Codes, scores: Float32s) -> int:
    """The rows of some places of the space, and how near they are, without places whose item is not in memory."""
    count = 0
    for i in range(len(rows)):
        place = places[0, i]
        if place >= 0 and row_of[place] > 0:
            rows[count] = row_of[place]
            scores[count] = near[0, i]
            count += 1
    return count


@loop("int64(read(int32[:]), read(int32[:]), read(float32[:, :]), int64, float32[:, :], int64[:])")
def _learned(
    rows: Codes, places: Codes, learned: Float32s, width: int, vectors: Float32s, other: NDArray[np.int64]
) -> int:  # fmt: skip
    """Write the vectors that were learned; `other` are the places of items that have none."""
    count = 0
    for i in range(len(rows)):
        place = places[rows[i]] if rows[i] < len(places) else -1
        if place >= 0:
            for k in range(width):
                vectors[i, k] = learned[place, k]
        elif rows[i] > 0:
            other[count] = i
            count += 1
    return count


@loop("int64(float32[:, :], int64)")
def _shorten(vectors: Float32s, width: int) -> int:
    """Give each vector the length 1; one of zeros stays."""
    for i in range(len(vectors)):
        length = 0.0
        for k in range(width):
            length += np.float64(vectors[i, k]) * vectors[i, k]
        length = max(sqrt(length), 1e-12)
        for k in range(width):
            vectors[i, k] = vectors[i, k] / length
    return 0


def opened(folder: Path, space: Space) -> "faiss.Index":
    """The index of a release, mapped; raises ReleaseMismatch when it is not the one made for this space."""
    import faiss  # 40 MiB and 0.15 s that a release without embeddings does not cost

    path = folder / INDEX
    faiss.omp_set_num_threads(1)  # threads cost more than so short a search
    if not path.exists() or path.stat().st_size < space.vectors.nbytes // 2:  # lists hold half the bits
        raise ReleaseMismatch(f"{INDEX} is absent or too short for {len(space.marks)} items. Build it again.")
    try:
        index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP | faiss.IO_FLAG_READ_ONLY)
    except RuntimeError as broken:
        raise ReleaseMismatch(f"{INDEX} cannot be read: {str(broken).splitlines()[0]}. Build it again.") from broken
    if (index.ntotal, index.d) != space.vectors.shape or index.metric_type != faiss.METRIC_INNER_PRODUCT:
        raise ReleaseMismatch(
            f"{INDEX} holds {index.ntotal} items of {index.d} numbers, {VECTORS} {len(space.marks)} of {space.width}. "
            "They are not of one release: build it again."
        )
    if isinstance(index, faiss.IndexIVF):
        of_base_class: Any = index.invlists
        lists: Any = faiss.downcast_InvertedLists(of_base_class)
        if hasattr(lists, "prefetch_nthread"):
            lists.prefetch_nthread = 0  # else every search starts a thread a list: five times the CPU
    _recognised(index, space)
    return index


def _recognised(index: "faiss.Index", space: Space) -> None:
    if not len(space.queries):
        return
    neighbours = index.search(space.queries, space.found.shape[1])[1]
    share = np.mean([np.isin(golden, now).mean() for golden, now in zip(space.found, neighbours, strict=True)])
    if share < AGREEING:
        raise ReleaseMismatch(
            f"{INDEX} finds {share:.0%} of the golden neighbours (limit {AGREEING:.0%}). It is another release's "
            "index: build it again."
        )


def _taste(space: Space, served: Served) -> tuple[str, int, float]:
    """The view of the counter that says what an asker likes, its place there and its half-life in seconds."""
    view, _, counter = space.taste.partition(".")
    defined = next((v for v in served.features.counter_views if v.name == view and counter in v.counters), None)
    if defined is None:
        names = [f"{v.name}.{c}" for v in served.features.counter_views for c in v.counters]
        raise ReleaseMismatch(f"its embeddings place users by taste {unknown(space.taste, names)}")
    place = defined.counters.index(counter)
    return view, place, defined.half_lives[place]
