"""The seam to the machinery of releases: what is entered, what waits for its turn, and when the machinery looks."""

from collections import deque
from dataclasses import dataclass, field

from infra.errors import MoveRefused
from orchestration import runs, trials
from orchestration.demo_console import DemoConsole
from orchestration.system import Installation
from training.registry import Stage


@dataclass
class Rollout:
    """Enters releases, one at a time, and lets the machinery look at the one on trial."""

    stage: DemoConsole
    _waiting: deque[tuple[str, str, str]] = field(default_factory=deque)

    def enter(self, at: Installation, version: str, who: str, why: str) -> None:
        """A gated release begins its way, or waits until no other one is on trial."""
        try:
            stage = at.registry.enter(version, who=who, why=why, at=at.now())
        except MoveRefused as refused:
            self._waiting.append((version, who, why))
            self.stage.say(f"release {version} waits: {refused}")
        else:
            self.stage.say(f"release {version} enters: {stage}")

    def wait(self, at: Installation, version: str, who: str, why: str) -> None:
        """What was trained while another release is on trial enters after it; of several the newest one."""
        if at.registry.stage_of(version) is not Stage.GATED:
            return  # it is on its way, or a gate refused it
        older = [each for each in self._waiting if each[1] != who]
        self._waiting = deque([*older, (version, who, why)])

    def look(self, at: Installation) -> None:
        """The machinery decides about the release on trial, from what it can see itself; then the next one enters."""
        if at.registry.trial() is not None:
            today = at.now().date()
            runs.execute(at, "ingest", today, today)
            seen = trials.look(at)
            if seen is not None and seen.did != "hold":
                self.stage.say(f"{at.now():%a %H:%M} {seen.did}: {seen.says}")
        if at.registry.trial() is None and self._waiting:
            self.enter(at, *self._waiting.popleft())
