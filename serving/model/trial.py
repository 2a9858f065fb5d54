"""A release's trial: it is verified, loaded and scores its golden rows, in a child process that may fail.

python -m serving.model.trial FOLDER SECONDS

SECONDS  of CPU time that it may take; what else it may use is said in serving/model/trial_limits.py
"""

import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from feature_repo import embedding_space
from feature_repo.recipe import read_recipe
from infra.arrays import Float32s
from infra.errors import FlywheelError, ReleaseMismatch
from infra.manifest import Manifest, verify
from infra.release_format import RECIPE, read_golden_rows
from serving.model import nearest, trial_limits
from serving.model.scorer import Scorer, load_scorer

PROBES = 1024  # rows of each kind
TOLERANCE = 1e-5  # float32 sums in another order differ by less


def prove(folder: Path) -> tuple[Manifest, Scorer]:
    """The verified manifest and the loaded scorer; raises ReleaseMismatch when golden rows score otherwise.

    Where the release carries embeddings, their index has to find the golden neighbours.
    """
    manifest = verify(folder)
    scorer = load_scorer(manifest.kind, folder)
    rows, expected = read_golden_rows(folder)
    name, width = f"release {manifest.version}", len(manifest.features)
    if rows.ndim != 2 or rows.shape[1] != width:
        raise ReleaseMismatch(
            f"{name}: its golden rows are {rows.shape}, its manifest names {width} features. Build it again."
        )
    scores = scorer.score(np.ascontiguousarray(rows, dtype=np.float32))
    if not np.allclose(scores, expected, rtol=TOLERANCE, atol=TOLERANCE):
        worst = float(np.abs(scores - expected).max())
        raise ReleaseMismatch(
            f"{name}: its golden rows score up to {worst:.2g} away from what they did when "
            f"it was built (limit {TOLERANCE:g}). Its model is not the one that was judged."
        )
    space = embedding_space.read(folder)
    if space is not None:
        nearest.opened(folder, space)
    return manifest, scorer


def main() -> int:
    """Exit status 0 for a release that may serve, 1 and the reason on stderr otherwise."""
    folder = Path(sys.argv[1])
    trial_limits.limit(folder, int(sys.argv[2]))
    return tried(folder)


def tried(folder: Path) -> int:
    """The same status; every file is parsed here, before a process that answers parses it."""
    try:
        _, scorer = prove(folder)
        scorer.score(_probes(read_golden_rows(folder)[0]))
        read_recipe((folder / RECIPE).read_bytes())
        for path in folder.rglob("*.json"):
            msgspec.json.decode(path.read_bytes())
    except (FlywheelError, OSError, ValueError, KeyError) as refused:
        print(refused or type(refused).__name__, file=sys.stderr)
        return 1
    except Exception as broken:  # what a parser raises that met no such bytes before
        print(f"{type(broken).__name__}: {broken}".splitlines()[0], file=sys.stderr)
        return 1
    return 0


def _probes(golden: Any) -> Float32s:
    """Rows that come to other branches of a model than the golden ones: a broken one ends this process, no worker."""
    random = np.random.default_rng(0)
    rows = np.resize(np.asarray(golden, dtype=np.float32), (PROBES, golden.shape[1]))
    mixed, far = random.permuted(rows, axis=0), rows * random.choice([-1e6, -1.0, 0.0, 1e6], rows.shape)
    some_missing = np.where(random.random(rows.shape) < 0.5, np.nan, mixed)
    return np.ascontiguousarray(np.concatenate([mixed, far, some_missing]), dtype=np.float32)


if __name__ == "__main__":
    sys.exit(main())
