"""Setting up: two at once do it once, the second says what it waits for, and pip takes over where uv cannot install."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SETUP = Path(__file__).parents[2] / "infra" / "setup.sh"
TOOLS = ("sh", "mkdir", "cat", "rm", "sed", "touch", "sleep", "ln")
INTERPRETER = """#!/bin/sh
[ "$1" = -m ] || exit 0
mkdir -p "$3/bin"
ln -sf {home}/pip "$3/bin/pip"
ln -sf {home}/uv "$3/bin/uv"
"""
INSTALLER = """#!/bin/sh
echo "{name} $*" >> {home}/said
case "$*" in *uv.txt) cat {home}/held ;; esac
exit {status}
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A lock, an interpreter that makes environments, and installers that only say what they are told."""
    for name in ("requirements.lock", "pyproject.toml"):
        (tmp_path / name).write_text("uv==0.9\n")
        os.utime(tmp_path / name, (0, 0))
    write(tmp_path / "python", INTERPRETER.format(home=tmp_path))
    write(tmp_path / "pip", INSTALLER.format(home=tmp_path, name="pip", status=0))
    write(tmp_path / "uv", INSTALLER.format(home=tmp_path, name="uv", status=0))
    os.mkfifo(tmp_path / "held")
    return tmp_path


def write(path: Path, script: str) -> None:
    path.write_text(script)
    path.chmod(0o755)


def setup(checkout: Path, path: str) -> "subprocess.Popen[str]":
    command = ["sh", str(SETUP), str(checkout / "python"), ".venv"]
    env = {"PATH": path}
    return subprocess.Popen(command, cwd=checkout, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.mark.parametrize("flock", [True, False], ids=["flock", "no flock, as on macOS"])
def test_two_at_once_set_up_once_and_the_second_says_that_it_waits(checkout: Path, flock: bool) -> None:
    tools = checkout / "tools"
    tools.mkdir()
    for name in (*TOOLS, *(["flock"] if flock else [])):
        found = shutil.which(name)
        if found is None:
            pytest.skip(f"this machine has no {name}")
        (tools / name).symlink_to(found)
    first = setup(checkout, str(tools))
    assert first.stdout is not None
    assert "Setting up" in first.stdout.readline()
    second = setup(checkout, str(tools))
    assert second.stdout is not None
    assert "waiting for it" in second.stdout.readline()
    (checkout / "held").write_text("go on")
    assert (first.wait(), second.wait()) == (0, 0)
    assert second.stdout.read() == ""
    said = (checkout / "said").read_text().splitlines()
    assert [line for line in said if "--editable" in line] == ["uv pip install -q --no-deps --editable ."]


def test_where_uv_cannot_install_pip_does_and_says_so(checkout: Path) -> None:
    write(checkout / "uv", INSTALLER.format(home=checkout, name="uv", status=1))
    started = setup(checkout, os.environ["PATH"])
    (checkout / "held").write_text("go on")
    said, _ = started.communicate()
    assert started.returncode == 0, said
    assert "pip does, which takes some minutes" in said
    assert (checkout / ".venv" / ".ready").exists()
