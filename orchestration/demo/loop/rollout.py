"""The seam to the machinery of releases: what is trained is entered, and the machinery looks at it every few hours."""

from dataclasses import dataclass

from orchestration.demo_console import DemoConsole
from orchestration.system import Installation


@dataclass
class Rollout:
    """Enters releases, and lets the machinery look at the one on trial."""

    stage: DemoConsole

    def enter(self, at: Installation, version: str, who: str, why: str) -> None:
        """A gated release begins its way."""
        at.registry.promote(version, who=who, why=why, at=at.now())

    def look(self, at: Installation) -> None:
        """The machinery decides about the release on trial, from what it can see itself."""
