"""Until when a release may be live that learned from people who were erased since: a file beside the history."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from infra.errors import HistoryLost, NotProven
from training.registry.history import durable


class Deadline(msgspec.Struct, frozen=True):
    """The last moment for a release, when it was set, and what it learned from that was erased."""

    until: datetime
    since: datetime
    why: str

    def passed(self, at: datetime) -> bool:
        """Whether a moment is too late."""
        return at >= self.until


class Deadlines:
    """The deadlines of one system's releases, by version. Whoever sets them holds the history's lock."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> dict[str, Deadline]:
        """Every deadline; raises HistoryLost when the file is broken: then nothing may go live."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=dict[str, Deadline])
        except FileNotFoundError:
            return {}
        except msgspec.MsgspecError as broken:
            raise HistoryLost(
                f"{self._path}: which releases learned from erased people cannot be read: {broken}. Put back its last "
                "copy, or train anew and remove it together with the releases before."
            ) from broken

    def set(self, versions: Iterable[str], deadline: Deadline) -> None:
        """Give releases a deadline; an earlier one stays."""
        before = self.read()
        added = {v: deadline for v in versions if v not in before or deadline.until < before[v].until}
        if added:
            durable(self._path, msgspec.json.format(msgspec.json.encode(before | added)))

    def demand(self, version: str, at: datetime) -> None:
        """Raise NotProven where a release's deadline has passed."""
        deadline = self.read().get(version)
        if deadline is not None and deadline.passed(at):
            raise NotProven(
                f"release {version}: {deadline.why}; it may not go live after "
                f"{deadline.until.astimezone(UTC):%Y-%m-%d %H:%M} UTC. Train one without them "
                "(`flywheel run retrain`) and promote that."
            )
