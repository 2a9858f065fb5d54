"""The import contracts refuse: an import past a face, machinery that names a system, a floor that looks up."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FACE, SYSTEMS, FLOORS, ORDER, CIRCLE = (
    "nobody imports past it",
    "machinery names no system",
    "each floor stands",
    "the way of a",
    "no circle",
)


def lint(folder: Path, planted: str, line: str) -> str:
    """What import-linter says of a copy of the project in which one line was added to one file."""
    for package in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["root_packages"]:
        for path in (ROOT / package).rglob("*.py"):
            copied = folder / path.relative_to(ROOT)
            copied.parent.mkdir(parents=True, exist_ok=True)
            copied.write_bytes(path.read_bytes())
    (folder / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    (folder / planted).write_text((folder / planted).read_text() + f"\n{line}\n")
    command = [
        sys.executable,
        "-c",
        "from importlinter.cli import lint_imports_command; lint_imports_command()",
        "--no-cache",
    ]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(folder), str(ROOT))), "COLUMNS": "200"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    ("planted", "line", "contract"),
    [
        ("orchestration/ingestion.py", "from validation.batches.intake import ingest as planted", FACE),
        ("serving/page/slate.py", "from serving.model.trees import Trees as planted", FACE),
        ("serving/page/slate.py", "from serving.systems.home_feed import SERVED as planted", SYSTEMS),
        ("infra/lake.py", "from validation.contract import Table as planted", FLOORS),
        ("training/definition.py", "from serving.definition import Policy as planted", FLOORS),
        ("serving/limits/budget.py", "from serving.page import Page as planted", ORDER),
        ("feature_repo/records/layout.py", "from feature_repo.records.redis_records import connect as planted", CIRCLE),
    ],
)
def test_an_import_that_breaks_a_contract_is_refused(planted: str, line: str, contract: str, tmp_path: Path) -> None:
    broken = [said for said in lint(tmp_path, planted, line).splitlines() if said.endswith("BROKEN")]
    assert any(contract in said for said in broken), broken


def test_the_project_as_it_stands_keeps_them_all(tmp_path: Path) -> None:
    assert "0 broken" in lint(tmp_path, "infra/clock.py", "")
