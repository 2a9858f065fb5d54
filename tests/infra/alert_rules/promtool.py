"""Prometheus' own tool, where it is there; a test that needs it is skipped otherwise, and says how to get it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BESIDE = Path(sys.executable).parent
HOW = "there is no promtool: `sh infra/promtool.sh .venv/bin` takes Debian's (package `prometheus`)"


def tool(name: str = "promtool") -> str:
    """The path of promtool, or of Prometheus; skips the test where it is absent."""
    path = shutil.which(name) or shutil.which(name, path=str(BESIDE))
    if path is None:
        pytest.skip(HOW)
    return path


def run(*arguments: str | Path) -> str:
    """What promtool printed; fails with it when promtool found something wrong."""
    done = subprocess.run([tool(), *map(str, arguments)], capture_output=True, text=True, check=False, timeout=120)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said
