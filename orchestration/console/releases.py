"""The releases of a system: the stage of each, its gates and promises, the history, and what can be moved now."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from infra.errors import FlywheelError
from orchestration.console import trials
from orchestration.console.readings import FOREVER_S, Reading, Readings
from orchestration.console.rooms import Room
from orchestration.console.standing import standing
from orchestration.system import Installation
from serving.access import RefusedError
from training.registry import Move, spans
from validation.verdict import Verdict

SHOWN, HISTORY, SPANS = 12, 100, 20


@dataclass(frozen=True, slots=True)
class Proven:
    """What a release has to show for itself: its verdict, and the figures of its judge rows."""

    verdict: Verdict
    promised: dict[str, float]

    @property
    def gates(self) -> str:
        """How many gates passed."""
        passed = sum(finding.passed for finding in self.verdict.findings)
        return f"{passed} of {len(self.verdict.findings) + len(self.verdict.missing)}"


@dataclass(frozen=True, slots=True)
class Listed:
    """Every release with its stage, the newest first, and the epoch at which they stood so."""

    stages: dict[str, str]
    epoch: int
    live: str | None
    deadlines: dict[str, Any]


async def releases(room: Room) -> dict[str, Any]:
    """What the page of all releases shows."""
    merit = room.installation.system.task.objective.merit
    seen = await room.look_at_all(
        listed=listed, trial=trials.trial, report=trials.report, standing=standing, history=history,
        spans=lambda at: spans(at.registry.history())[: -SPANS - 1 : -1],
        disagreements=lambda at: at.registry.disagreements(),
    )  # fmt: skip
    versions = list(seen["listed"].value.stages)[:SHOWN] if seen["listed"].value else []
    proofs = await proofs_of(room, versions)
    return {
        **seen, "proofs": proofs, "versions": versions, "merit": merit, "order": trials.ORDER,
        "next_stage": trials.next_stage, "interval_words": trials.interval_words,
    }  # fmt: skip


async def one_release(room: Room) -> dict[str, Any]:
    """What the page of one release shows; raises RefusedError where there is none of that number."""
    version = room.asked["version"]
    seen = await room.look_at_all(listed=listed, trial=trials.trial, history=history)
    if seen["listed"].value and version not in seen["listed"].value.stages:
        raise RefusedError(404, f"{room.name} has no release {version[:40]}")
    return {**seen, "version": version, "proof": await proof(room, version)}


async def proofs_of(room: Room, versions: Sequence[str]) -> dict[str, Reading[Proven]]:
    """Those of several releases, read one after the other by one thread: a registry that hangs takes no more."""
    known = {version: room.readings.kept((room.name, f"proof {version}")) for version in versions}
    if missing := [version for version, reading in known.items() if reading is None]:
        reading = await room.look("proofs", lambda at: {version: _tried(at, version) for version in missing})
        read = reading.value or {}
        known |= {version: read.get(version, Reading(None, reading.missing or "not read yet")) for version in missing}
        for version in missing:
            if read.get(version) and read[version].value:
                room.readings.keep((room.name, f"proof {version}"), read[version])
    return {version: reading or Reading(None, "not read yet") for version, reading in known.items()}


def _tried(installation: Installation, version: str) -> Reading[Proven]:
    try:
        return Reading(_proven(installation, version))
    except FlywheelError as wrong:
        return Reading(None, str(wrong))


async def proof(room: Room, version: str) -> Reading[Proven]:
    """The verdict on a release and what it promised: they never change, so they are read once."""
    return await room.look(f"proof {version}", lambda at: _proven(at, version), FOREVER_S)


async def warmed(installation: Installation, readings: Readings) -> None:
    """Read the list once: the registry's library takes seconds to load, and no visitor should wait for that."""
    await readings.look((installation.system.name, "listed"), lambda: listed(installation))


def listed(installation: Installation) -> Listed:
    """Every release with its stage."""
    registry = installation.registry
    epoch, stages = registry.epoch(), registry.stages()
    newest_first = sorted(stages, key=lambda version: -int(version) if version.isdigit() else 0)
    return Listed(
        {version: str(stages[version]) for version in newest_first}, epoch, registry.live(), dict(registry.deadlines())
    )


def history(installation: Installation) -> list[Move]:
    """The newest moves, newest first."""
    return list(installation.registry.history())[: -HISTORY - 1 : -1]


def _proven(installation: Installation, version: str) -> Proven:
    registry = installation.registry
    return Proven(registry.verdict(version), dict(registry.promised(version)))
