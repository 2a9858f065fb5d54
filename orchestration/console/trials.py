"""The release on trial: its stage from the registry, and what the experiment says of it, from the report of monitoring."""

from dataclasses import dataclass
from typing import Any

from infra.settings import Settings
from orchestration.console.reports import _read
from orchestration.system import Installation


def trial(installation: Installation) -> Any:
    """The release on trial; None where there is none."""
    return installation.registry.trial()


def report(installation: Installation) -> Any:
    """What monitoring says of the running experiment; raises Unavailable where it has said nothing."""
    return _read(installation.settings.reports / "trial.json", dict[str, Any], "no experiment has been measured yet")
