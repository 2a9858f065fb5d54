"""Proving a release: what its service reads goes online, a built service takes it, and the outcome is kept with it."""

from typing import Any

from infra.errors import FlywheelError
from orchestration import deployment, retrieval
from orchestration.system import Installation


def proven(at: Installation, version: str) -> dict[str, Any]:
    """What the proof showed, kept as a tag of the version for promotion to ask; a failure is kept too, and raised."""
    retrieval.publish(at, version)
    try:
        told = deployment.prove(at, version)
    except FlywheelError as failed:
        at.registry.deployed(version, False, str(failed), at.now())
        raise
    at.registry.deployed(version, True, str(told["bento"]), at.now())
    return told
