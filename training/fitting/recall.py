"""Recall: the share of the exactly nearest items that an index returns, and of the items then engaged with."""

import numpy as np

from infra.arrays import Float32s, Int64s

AT_ONCE = 64  # queries compared with all items together


def exact(vectors: Float32s, queries: Float32s, k: int) -> Int64s:
    """(queries, k) the items of largest inner product, in any order; k is at most the number of items."""
    k = min(k, len(vectors))
    nearest = [np.zeros((0, k), dtype=np.int64)]
    for start in range(0, len(queries), AT_ONCE):
        scores = queries[start : start + AT_ONCE] @ vectors.T
        nearest.append(np.argpartition(-scores, k - 1, axis=1)[:, :k])
    return np.concatenate(nearest)


def recall(retrieved: Int64s, relevant: Int64s) -> float:
    """Mean over queries of the share of the relevant items that were retrieved; a place of -1 is no item.

    retrieved, relevant  (queries, any) item places, each at most once in a row; a query without a relevant item does
                         not count
    """
    shares = [
        np.isin(items[items >= 0], places).mean()
        for places, items in zip(retrieved, relevant, strict=True)
        if (items >= 0).any()
    ]
    return float(np.mean(shares)) if shares else float("nan")


def hits(retrieved: Int64s, query: Int64s, item: Int64s) -> float:
    """Share of (query, item) pairs whose item is among those retrieved for the query."""
    if not len(query):
        return float("nan")
    return float(np.mean((retrieved[query] == item[:, None]).any(axis=1)))
