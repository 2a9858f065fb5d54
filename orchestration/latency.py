"""How long the service's scorer takes for one request with a built release: the input of the latency gate."""

import time
from pathlib import Path

import numpy as np

from infra.arrays import Float32s
from infra.manifest import read_manifest
from serving.model import load_scorer

CANDIDATES, RUNS = 500, 60


def scoring_ms(folder: Path, rows: Float32s) -> float:
    """The p95 of milliseconds for `CANDIDATES` rows drawn from these: of CPU time, so other programs do not count."""
    scorer, candidates = load_scorer(read_manifest(folder).kind, folder), np.resize(rows, (CANDIDATES, rows.shape[1]))
    scorer.score(candidates)  # the first call allocates what the others use
    took = []
    for _ in range(RUNS):
        began = time.process_time()
        scorer.score(candidates)
        took.append(time.process_time() - began)
    return float(np.percentile(took, 95)) * 1000
