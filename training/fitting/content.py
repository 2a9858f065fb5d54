"""What words say of an item: one vector a word, fitted so that the words of an item add up to its learned vector."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from feature_repo.embedding_space import Attribute, Codes, places
from infra.arrays import Float32s
from infra.marks import Marks, marks

SWEEPS = 10
AttributeWeights = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Content:
    """The mean of all items, and what each word adds to it."""

    mean: Float32s
    attributes: Mapping[str, Attribute]


def fit(words: pd.DataFrame, vectors: Float32s, weights: AttributeWeights, ridge: float) -> Content:
    """Ridge regression from one-hot words to vectors.

    words    (items, attributes) text; None says nothing
    vectors  (items, d)      weights  (items,) how much each item counts
    ridge    what pulls a word's vector to zero: so many items' weight

    Solved attribute by attribute (Gauss-Seidel): the words of one attribute exclude each other, so that each step is
    one weighted mean a word, and a million creators cost no more memory than their vectors.
    """
    mean = np.average(vectors, axis=0, weights=weights)
    names = [str(name) for name in words]
    known = {name: np.unique(marked(words[name].dropna())) for name in names}
    codes = {name: places(known[name], marked(words[name])) + np.int32(1) for name in names}
    tables: dict[str, AttributeWeights] = {
        name: np.zeros((1 + len(met), vectors.shape[1])) for name, met in known.items()
    }
    rest: AttributeWeights = (vectors - mean).astype(np.float64)
    for _ in range(SWEEPS):
        for name, rows in codes.items():
            rest += tables[name][rows]
            tables[name] = _means(rest, weights, rows, len(tables[name]), ridge)
            rest -= tables[name][rows]
    attributes = {name: Attribute(known[name], table.astype(np.float32)) for name, table in tables.items()}
    return Content(mean.astype(np.float32), attributes)


def marked(words: "pd.Series[Any]") -> Marks:
    """(rows,) the mark of each word; what is no text has the mark of no word."""
    code, met = pd.factorize(words)
    hashed = np.append(marks([str(word) for word in met]), marks([""]))
    return hashed[code]


def _means(
    rest: AttributeWeights, weights: AttributeWeights, rows: Codes, words: int, ridge: float
) -> AttributeWeights:
    """(words, d) the weighted mean of what is left to explain, drawn to zero; nothing for row 0, the unknown."""
    total = np.bincount(rows, weights=weights, minlength=words) + ridge
    sums = np.stack([np.bincount(rows, weights=column * weights, minlength=words) for column in rest.T], axis=1)
    found: AttributeWeights = sums / total[:, None]
    found[0] = 0.0
    return found
