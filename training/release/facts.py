"""The facts of a training run that a manifest carries, so that the model can be made again."""

import hashlib
import platform
import subprocess
from datetime import date
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from infra.freshness import AS_PUBLISHED, Freshness
from infra.manifest import TrainingFacts
from training.definition import Task
from validation.definition import BEST_COLUMN

ROOT = Path(__file__).parents[2]
SOURCE = ("infra", "validation", "feature_repo", "training")  # the floors that a model is made on
LIBRARIES = ("numpy", "pandas", "pyarrow", "pyspark", "feast", "scikit-learn", "xgboost", "xgboost-cpu")


def training_facts(
    task: Task, ranker: str, *, seed: int, target: str, days: tuple[date, date], rows: int,
    freshness: Freshness = AS_PUBLISHED,
) -> TrainingFacts:  # fmt: skip
    """The facts of a run in this checkout, on this machine.

    days       the first and the last of the days that its rows were shown on
    freshness  of the states that the rows were joined with
    """
    return TrainingFacts(
        target=target,
        seed=seed,
        contender=definition_of(task, ranker),
        split=repr(task.split),
        first_day=days[0],
        last_day=days[1],
        rows=rows,
        code=source_digest(),
        commit=commit(),
        python=platform.python_version(),
        machine=platform.machine(),
        libraries=_libraries(),
        freshness=freshness,
    )


def definition_of(task: Task, ranker: str) -> str:
    """The definition of a contender as text; the best column has none but its name."""
    return BEST_COLUMN if ranker == BEST_COLUMN else repr(task.contender(ranker))


@cache
def source_digest() -> str:
    """sha256 of every source file that a model depends on: a bento or an image has no git to ask."""
    content = hashlib.sha256()
    for path in sorted(path for floor in SOURCE for path in (ROOT / floor).rglob("*.py")):
        content.update(f"{path.relative_to(ROOT).as_posix()}\0".encode() + path.read_bytes() + b"\0")
    return content.hexdigest()


@cache
def commit() -> str:
    """The commit of this checkout, empty where git does not know one."""
    try:
        answer = subprocess.run(
            ["git", "-C", str(ROOT), "rev-parse", "HEAD"], capture_output=True, text=True, check=False
        )
    except OSError:
        return ""
    return answer.stdout.strip() if answer.returncode == 0 else ""


def _libraries() -> dict[str, str]:
    versions = {}
    for name in LIBRARIES:
        try:
            versions[name.removesuffix("-cpu")] = version(name)
        except PackageNotFoundError:  # XGBoost's distribution has another name on each system
            continue
    return versions
