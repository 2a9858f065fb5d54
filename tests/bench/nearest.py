"""What finding the nearest of a million items costs: `python tests/bench/nearest.py [ITEMS]`.

Items are drawn as learned ones lie: around topics and creators, popular ones farther out, with a falling spectrum.
Times are CPU milliseconds of one thread. The index is opened by a process of its own, as a worker does.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from feature_repo import embedding_space
from feature_repo.embedding_space import INDEX, Attribute, Space
from training.definition import Embedding
from training.fitting import nearest_index, recall

WIDTH, ASKED, K = 32, 300, 500
PROBES = Embedding("", (), "").probes


def main() -> None:
    """Build, search, and let a fresh process open it."""
    if len(sys.argv) == 3:
        opened(Path(sys.argv[2]))
        return
    count = int(sys.argv[1]) if len(sys.argv) == 2 else 1_000_000
    vectors, queries = drawn(count, np.random.default_rng(0))
    began = time.process_time()
    index = nearest_index.build(vectors, PROBES, 0)
    print(f"{count:,} items × {WIDTH}: built in {time.process_time() - began:.2f} s CPU")
    wanted = recall.exact(vectors, queries, K)
    for probes in (PROBES // 3, PROBES, 2 * PROBES):
        index.nprobe = probes
        share = recall.recall(nearest_index.search(index, queries, K), wanted)
        took = cost(lambda i: nearest_index.search(index, queries[i : i + 1], K))
        print(f"{probes} lists of {index.nlist}: recall@{K} {share:.4f}, {took:.3f} ms")
    index.nprobe = PROBES
    with tempfile.TemporaryDirectory() as folder:
        neighbours = nearest_index.search(index, queries[:16], 20).astype(np.int32)
        words = Attribute(np.zeros(0, dtype=np.uint64), np.zeros((1, WIDTH), dtype=np.float32))
        marks = np.arange(count, dtype=np.uint64)
        space = Space(marks, vectors, vectors.mean(axis=0), {"word": words}, "", "word", queries[:16], neighbours)
        embedding_space.write(space, marks.astype(np.bytes_), Path(folder))
        nearest_index.save(index, Path(folder) / INDEX)
        subprocess.run([sys.executable, __file__, "open", folder], check=True)


def opened(folder: Path) -> None:
    """What a worker pays: the library, the arrays, a search."""
    from serving.model import nearest

    before = memory()
    began = time.process_time()
    import faiss  # noqa: F401

    print(f"faiss: {memory() - before:.0f} MiB, {time.process_time() - began:.2f} s CPU")
    before, began = memory(), time.process_time()
    space = embedding_space.read(folder)
    assert space is not None
    index = nearest.opened(folder, space)
    print(f"opened: {memory() - before:.1f} MiB of its own, {time.process_time() - began:.3f} s CPU")
    took = cost(lambda i: index.search(space.vectors[i : i + 1], K))
    print(f"mapped: {took:.3f} ms a search")


def drawn(count: int, rng: np.random.Generator) -> tuple[Any, Any]:
    """(items, d) and (asked, d) float32."""
    falling = (np.arange(WIDTH) + 1.0) ** -0.35
    topics, creators = rng.normal(size=(20, WIDTH)) * falling, rng.normal(size=(2_000, WIDTH)) * falling

    def some(n: int) -> Any:
        own = 0.4 * rng.normal(size=(n, WIDTH)) * falling
        return topics[rng.integers(0, 20, n)] + 0.6 * creators[rng.integers(0, 2_000, n)] + own

    items = (some(count) + 0.5) * rng.lognormal(0, 0.2, (count, 1))
    return items.astype(np.float32), (some(ASKED) + 0.5).astype(np.float32)


def cost(search: Callable[[int], Any]) -> float:
    """Mean CPU milliseconds of a search."""
    search(0)
    began = time.process_time()
    for i in range(ASKED):
        search(i)
    return (time.process_time() - began) / ASKED * 1000


def memory() -> float:
    """MiB that this process has for itself, what it has mapped from files left out."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("Anonymous:")).split()[1]) / 1024


if __name__ == "__main__":
    main()
