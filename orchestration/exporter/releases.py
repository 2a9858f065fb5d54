"""Figures of releases: how old the live one is, what is on trial, and when a rollback was last drilled.

They are read from the pointer that serving follows and from the files beside it, so that no registry need run.
"""

from collections.abc import Iterator
from contextlib import suppress
from math import inf

from infra.errors import ReleaseMismatch
from infra.machine_decisions import noted
from infra.manifest import read_manifest
from infra.release_format import LIVE, LivePointer, read_live_pointer
from orchestration.exporter.families import (
    DRILL_AGE,
    RELEASE_AGE,
    TRIAL_SHARE,
    TRIAL_STAGE,
    TRIAL_STAGES,
)
from orchestration.exporter.family import Sample
from orchestration.system import Installation

ALL = 1 << 30  # decisions: a drill is older than those of a day


def samples(installation: Installation) -> Iterator[Sample]:
    """The figures of a system's releases; none before the first one."""
    pointer = read_live_pointer(installation.settings.releases / LIVE)
    if pointer is None:
        return
    now = installation.now()
    with suppress(ReleaseMismatch):  # its files are not on this machine
        built = read_manifest(installation.settings.releases / pointer.champion.path).created_at
        yield Sample(RELEASE_AGE, max(0.0, (now - built).total_seconds()))
    yield from _trial(pointer)
    drills = [decision.at for decision in noted(installation.settings.part, newest=ALL) if decision.did == "drill"]
    if drills or pointer.previous:  # with one release alone there is nothing to drill
        yield Sample(DRILL_AGE, max(0.0, (now - drills[-1]).total_seconds()) if drills else inf)


def _trial(pointer: LivePointer) -> Iterator[Sample]:
    challenger = pointer.challenger
    stage = "none" if challenger is None else f"canary_{challenger.share}" if challenger.share else "shadow"
    for name in TRIAL_STAGES:
        yield Sample(TRIAL_STAGE, float(name == stage), (name,))
    yield Sample(TRIAL_SHARE, challenger.share / 100 if challenger else 0.0)
