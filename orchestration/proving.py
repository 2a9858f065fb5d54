"""Proving a release: what its service reads goes online, a built service takes it, and the outcome is kept with it."""

from typing import Any

from infra.errors import FlywheelError
from orchestration import deployment, retrieval
from orchestration.system import Installation


def proven(installation: Installation, version: str) -> dict[str, Any]:
    """What the proof showed, kept as a tag of the version for promotion to ask; a failure is kept too, and raised."""
    retrieval.publish(installation, version)
    try:
        told = deployment.prove(installation, version)
    except FlywheelError as failed:
        installation.registry.deployed(version, False, str(failed), installation.now())
        raise
    installation.registry.deployed(version, True, str(told["bento"]), installation.now())
    return told
