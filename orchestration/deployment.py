"""Deployment: the service is built and started with a release, before that release goes live."""

import socket
import tempfile
from pathlib import Path
from typing import Any

import msgspec

from infra.errors import ReleaseMismatch
from infra.release_format import LIVE, LivePointer, NamedRelease, signed_pointer
from infra.settings import Settings
from infra.signing import open_signer, public_key_path
from infra.systems import BUILT_IN, named_system
from orchestration.client import answered, probed
from orchestration.system import Installation
from serving.definition import Policy
from serving.launch import Running, build, started


def prove(installation: Installation, version: str) -> dict[str, Any]:
    """Build the service and start it with this release on a free port; raises unless it answers with the release.

    The service loads a release only if its golden rows get the scores that they had in training.
    """
    tag = build(installation.settings)
    folder = installation.settings.home.absolute() / "bentoml" / "bentos" / tag.replace(":", "/")
    with tempfile.TemporaryDirectory() as home:
        settings = with_own_system(installation.settings).model_copy(
            update={
                "home": Path(home),
                "service_port": free_port(),
                "pseudonyms": None,
                "release_public_key": public_key_path(installation.settings).absolute(),
            }
        )
        name_champion(installation, version, settings)
        with started(settings, str(folder)) as running:
            answer = _answer(settings, installation, version, running)
    if answer["release"] != version:
        raise ReleaseMismatch(
            f"deployment: {tag} answers with release {answer['release']}, not {version}: {answer['reason']}"
        )
    return {"bento": tag, "version": version, "served_by": answer["served_by"], "items": len(answer.get("items", ()))}


def with_own_system(settings: Settings) -> Settings:
    """The settings, with where the system is defined: a file of the home may say it, and the proof has another home."""
    named = named_system(settings)
    if named.name in BUILT_IN:
        return settings
    return settings.model_copy(update={"systems": {named.name: named.path}, "systems_path": named.folder})


def _answer(settings: Settings, installation: Installation, version: str, running: Running) -> dict[str, Any]:
    """The first answer that is made with the release."""
    if isinstance(installation.system.policy, Policy):
        return answered(settings, installation.system, "deployment", version, running)
    return probed(settings, installation.system, version, running)


def free_port() -> int:
    """A port on loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def name_champion(installation: Installation, version: str, settings: Settings) -> None:
    """Write a pointer that names the release, for a service in a home of its own."""
    folder = settings.releases
    folder.mkdir(parents=True)
    (folder / version).symlink_to(installation.registry.folder(version).absolute())
    pointer = msgspec.json.encode(LivePointer(NamedRelease(version, version)))
    signer = open_signer(installation.settings)
    (folder / LIVE).write_bytes(signed_pointer(pointer, signer, installation.system.name))
