"""The folder in which the workers of one service add up their metrics."""

import os
from pathlib import Path
from shutil import rmtree

from infra import private_files

FOLDER = "FLYWHEEL_METRICS_FOLDER"


def shared_metrics_environment(folder: Path) -> dict[str, str]:
    """The environment for this process and its siblings, those that have the same parent, to count together.

    Folders of services that have ended are removed, and so are the gauges of siblings that have.
    """
    private_files.from_now_on()  # these are the first files that a service makes in its home
    shared = folder / str(os.getppid())
    shared.mkdir(parents=True, exist_ok=True)
    for other in folder.iterdir():
        if not _lives(other.name):
            rmtree(other, ignore_errors=True)
    for gauge in shared.glob("gauge_live*_*.db"):
        if not _lives(gauge.stem.rpartition("_")[2]):
            gauge.unlink(missing_ok=True)
    return dict.fromkeys((FOLDER, "PROMETHEUS_MULTIPROC_DIR"), str(shared.absolute()))


def own_metrics_environment() -> dict[str, str]:
    """The environment for a child that is no worker: the gauges it never sets must not count as a worker's."""
    return {name: value for name, value in os.environ.items() if name != FOLDER}


def _lives(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except PermissionError:
        return True
    except (OSError, ValueError):
        return False
    return True
