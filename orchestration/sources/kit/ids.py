"""Ids of users and videos, and the places they stand for."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import ArrayLike, NDArray

from infra.arrays import Int64s
from infra.errors import DefinitionError

Ids = NDArray[np.str_]


@dataclass(frozen=True, slots=True)
class EntityIds:
    """The ids of one kind of thing, in order of place: a letter and a number of fixed length."""

    kind: str
    ids: pa.Array

    def at(self, places: Int64s) -> pa.Array:
        """The ids at some places."""
        return self.ids.take(pa.array(places))

    def listed(self, places: Int64s) -> Ids:
        """The ids at some places, as numpy text."""
        return np.asarray(self.at(places).to_numpy(zero_copy_only=False), dtype=np.str_)

    def places(self, ids_or_places: ArrayLike) -> Int64s:
        """Places of things given by id, or by place already; raises DefinitionError for what is not in this world."""
        array = np.asarray(ids_or_places)
        if array.dtype.kind in "OU":
            array = self._parsed(array)
        places: Int64s = array.astype(np.int64)
        wrong = places[(places < 0) | (places >= len(self.ids))]
        if wrong.size:
            raise DefinitionError(
                f"{self.kind} {wrong[0]} is not among the {len(self.ids):,} of this world, counted from 0"
            )
        return places

    def _parsed(self, ids: NDArray[np.generic]) -> Int64s:
        try:
            numbers: Int64s = np.char.lstrip(ids.astype(np.str_), self.kind[0]).astype(np.int64)
        except ValueError as error:
            raise DefinitionError(f"{self.kind} ids of this world look like {self.ids[0]}: {error}") from error
        return numbers


def names(kind: str, count: int, digits: int) -> EntityIds:
    """The ids of `count` things of a kind."""
    return EntityIds(kind, numbered(kind[0], np.arange(count), digits))


def numbered(prefix: str, numbers: Int64s, digits: int) -> pa.Array:
    """Ids such as v000017."""
    return pc.binary_join_element_wise(prefix, pc.utf8_lpad(pa.array(numbers).cast(pa.string()), digits, "0"), "")
