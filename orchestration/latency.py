"""How long the scorer of the service takes for one request of a built release: what the latency gate is told."""

import time
from pathlib import Path

import numpy as np

from infra.arrays import Float32s
from infra.manifest import read_manifest
from serving.model import load_scorer

CANDIDATES, RUNS = 500, 60


def scoring_ms(folder: Path, rows: Float32s) -> float:
    """The p95 of CPU milliseconds for `CANDIDATES` rows, drawn from these: what else runs here is not the release's."""
    scorer, asked = load_scorer(read_manifest(folder).kind, folder), np.resize(rows, (CANDIDATES, rows.shape[1]))
    scorer.score(asked)  # the first one makes what the others use
    took = []
    for _ in range(RUNS):
        began = time.process_time()
        scorer.score(asked)
        took.append(time.process_time() - began)
    return float(np.percentile(took, 95)) * 1000
