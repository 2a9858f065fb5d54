"""How much of what should be found is found: an index against exact search, and retrieval against what was engaged."""

import numpy as np

from infra.arrays import Float32s, Int64s

AT_ONCE = 64  # queries compared with all items together


def exact(vectors: Float32s, queries: Float32s, k: int) -> Int64s:
    """(queries, k) the items of largest inner product, in any order; k is at most the number of items."""
    k = min(k, len(vectors))
    found = [np.zeros((0, k), dtype=np.int64)]
    for start in range(0, len(queries), AT_ONCE):
        scores = queries[start : start + AT_ONCE] @ vectors.T
        found.append(np.argpartition(-scores, k - 1, axis=1)[:, :k])
    return np.concatenate(found)


def recall(found: Int64s, wanted: Int64s) -> float:
    """Mean over queries of the share of the wanted items that were found; a place of -1 is no item.

    found, wanted  (queries, any) item places, each at most once in a row; queries that want nothing do not count
    """
    shares = [
        np.isin(row[row >= 0], there).mean() for there, row in zip(found, wanted, strict=True) if (row >= 0).any()
    ]
    return float(np.mean(shares)) if shares else float("nan")


def hits(found: Int64s, query: Int64s, item: Int64s) -> float:
    """Share of (query, item) pairs whose item is among those found for the query."""
    if not len(query):
        return float("nan")
    return float(np.mean((found[query] == item[:, None]).any(axis=1)))
