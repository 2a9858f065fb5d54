"""Deployment: the service is built and started with a release, before that release answers anybody."""

import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from orchestration.feed import ask
from orchestration.system import Installation
from serving.process import ROOT, serving
from validation.errors import ReleaseMismatch, Unavailable
from validation.settings import Settings


def prove(at: Installation, version: str) -> dict[str, Any]:
    """Build the service, start it with this release on a port of its own, and see it take the release; raises otherwise.

    The service takes a release only after its golden rows scored as they did in training.
    """
    tag = built(at.settings)
    with tempfile.TemporaryDirectory() as home:
        settings = at.settings.model_copy(update={"home": Path(home), "service_port": free_port()})
        _name_champion(at, version, settings)
        # Bentos are read from where the build put them.
        os.environ["BENTOML_HOME"] = str(bentos(at.settings))
        with serving(settings, tag):
            answer = ask(settings, at.system, "deployment", preview=True)
    if answer["release"] != version:
        raise ReleaseMismatch(
            f"deployment: {tag} answers with release {answer['release']}, not {version}: {answer['reason']}. Its log says more."
        )
    return {"bento": tag, "version": version, "served_by": answer["served_by"], "items": len(answer["items"])}


def built(settings: Settings) -> str:
    """The tag of the bento built from this checkout."""
    env = {**os.environ, "BENTOML_HOME": str(bentos(settings)), "BENTOML_DO_NOT_TRACK": "true"}
    command = [sys.executable, "-m", "bentoml", "build", "--output", "tag", "."]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300, check=False)
    tag = done.stdout.strip().rpartition("__tag__:")[2]
    if done.returncode or not tag:
        raise Unavailable(f"deployment: `bentoml build` ended with {done.returncode}: {done.stderr.strip()[-500:]}")
    return tag


def bentos(settings: Settings) -> Path:
    """Where built services are kept."""
    return settings.home.absolute() / "bentoml"


def free_port() -> int:
    """A port on loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _name_champion(at: Installation, version: str, settings: Settings) -> None:
    """A registry's pointer, for this process alone, that names the release."""
    folder = settings.releases / at.system.name
    folder.mkdir(parents=True)
    (folder / version).symlink_to(at.registry.folder(version).absolute())
    (folder / "live.json").write_text(json.dumps({"champion": {"version": version, "path": version}}))
