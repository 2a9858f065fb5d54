"""The index that finds the items nearest to a vector: inner product, exact for few items, inverted lists for many."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from infra.arrays import Float32s

if TYPE_CHECKING:
    import faiss

EXACT_BELOW = 10_000  # with so few items, comparing with all costs no more than searching lists
SAMPLE = 128  # vectors a list that its centre is learned from
ROUNDS = 10


def build(vectors: Float32s, probes: int, seed: int) -> "faiss.Index":
    """The index over (items, d) float32. √items lists; `probes` is how many of them a search looks into."""
    import faiss

    faiss.omp_set_num_threads(1)  # sums in one order: the same rows give the same index
    count, width = vectors.shape
    by_product = faiss.IndexFlatIP(width)
    if count < EXACT_BELOW:
        by_product.add(vectors)
        return by_product
    lists = round(float(np.sqrt(count)))
    # Half the bits find the same items for two thirds of the CPU: reading the lists is what a search costs.
    index = faiss.IndexIVFScalarQuantizer(
        faiss.IndexFlatL2(width), width, lists, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT, False
    )
    index.cp.seed, index.cp.niter, index.cp.max_points_per_centroid = seed + 1, ROUNDS, SAMPLE
    index.cp.spherical = False  # faiss would scale all centres to length 1; vectors of popular items are longer
    index.train(vectors)
    index.add(vectors)
    # Items are put into lists by distance, which makes lists of similar length; a search chooses its lists by inner
    # product, because it ranks by that.
    by_product.add(index.quantizer.reconstruct_n(0, lists))
    index.quantizer, index.nprobe = by_product, min(probes, lists)
    return index


def save(index: "faiss.Index", path: Path) -> None:
    """Write an index as serving maps it into memory."""
    import faiss

    faiss.write_index(index, str(path))


def search(index: "faiss.Index", queries: Float32s, k: int) -> NDArray[np.int64]:
    """(queries, k) the items found for each, nearest first; -1 where fewer were found."""
    items: NDArray[np.int64] = index.search(np.ascontiguousarray(queries, dtype=np.float32), k)[1]
    return items
