"""Proving a release: its vectors go online, a built service loads it, and the outcome is kept with the release."""

from typing import Any

from infra.errors import FlywheelError
from orchestration import deployment, retrieval
from orchestration.system import Installation


def proven(installation: Installation, version: str) -> dict[str, Any]:
    """What the proof showed, kept as a tag of the version, which promotion reads; a failure is kept too, and raised."""
    retrieval.publish(installation, version)
    try:
        proof = deployment.prove(installation, version)
    except FlywheelError as failed:
        installation.registry.deployed(version, False, str(failed), installation.now())
        raise
    installation.registry.deployed(version, True, str(proof["bento"]), installation.now())
    return proof
