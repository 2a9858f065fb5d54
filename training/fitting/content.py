"""A vector for each word that describes items, fitted so that the words of an item add up to its learned vector."""

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

    words    (items, attributes) text; None: unknown
    vectors  (items, d)      weights  (items,) how much each item counts
    ridge    how strongly a word's vector is pulled to zero, as a weight of items

    Solved attribute by attribute (Gauss-Seidel): the words of one attribute exclude each other, so that each step is
    one weighted mean a word, and a million creators cost no more memory than their vectors.
    """
    mean = np.average(vectors, axis=0, weights=weights)
    names = [str(name) for name in words]
    known = {name: np.unique(marked(words[name].dropna())) for name in names}
    codes = {name: places(known[name], marked(words[name])) + np.int32(1) for name in names}
    tables: dict[str, AttributeWeights] = {
        name: np.zeros((1 + len(marks_met), vectors.shape[1])) for name, marks_met in known.items()
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
    """(rows,) the mark of each word; of None and NaN the mark of the empty word."""
    code, words_met = pd.factorize(words)
    hashed = np.append(marks([str(word) for word in words_met]), marks([""]))
    return hashed[code]


def _means(
    rest: AttributeWeights, weights: AttributeWeights, rows: Codes, words: int, ridge: float
) -> AttributeWeights:
    """(words, d) the weighted mean of what is left to explain, drawn to zero; zeros in row 0, the unknown word."""
    total = np.bincount(rows, weights=weights, minlength=words) + ridge
    sums = np.stack([np.bincount(rows, weights=column * weights, minlength=words) for column in rest.T], axis=1)
    means: AttributeWeights = sums / total[:, None]
    means[0] = 0.0
    return means
