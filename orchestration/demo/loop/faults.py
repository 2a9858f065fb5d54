"""What goes wrong in the loop, planted where it would happen: in a policy's text, and in a delivery from upstream."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pyarrow as pa

from infra.clock import Clock
from infra.errors import NotProven
from orchestration.proving import proven
from orchestration.release_inputs import release_inputs
from orchestration.sources.kit import write_parquet
from orchestration.sources.simulator import DAY, World
from orchestration.system import Installation, System
from serving.steps import Exploration, Step
from training.release import make_candidate
from validation.systems.home_feed import UNKNOWN_LANGUAGE, USERS

SLIP = 0.5  # typed in place of 0.05


def with_slip(system: System) -> System:
    """The system whose policy explores half of the places: somebody wrote 0.5 for 0.05."""
    release = msgspec.structs.replace(system.page.release, steps=tuple(map(_slipped, system.page.release.steps)))
    return replace(system, policy=msgspec.structs.replace(system.page, release=release))


def _slipped(step: Step) -> Step:
    return msgspec.structs.replace(step, share=SLIP) if isinstance(step, Exploration) else step


def slipped_release(installation: Installation) -> str:
    """Train, judge, register and prove a release with that policy; returns its version.

    It is made of the newest training set, as the live one was: the same scores with another policy. Gates judge
    scores: they cannot see what a policy does with them. Raises NotProven where a gate refuses it all the same.
    """
    at = Installation(with_slip(installation.system), installation.settings)
    candidate = make_candidate(release_inputs(at), at.training_set(), at.now(), Clock())
    if not candidate.verdict.passed:
        raise NotProven(f"the release with the slip was refused: {'; '.join(candidate.verdict.reasons())}")
    version = at.registry.register(candidate.folder, candidate.report, candidate.verdict)
    proven(at, version)
    return version


def languages_lost(world: World, region: int, at: float, landing: Path) -> int:
    """An exporter upstream describes the users of a region anew, without their language; returns how many they are."""
    days = int((at - world.scale.begin) // DAY) + 1
    known = world.described(0, days).users.to_pandas().groupby("user_id", sort=False).tail(1)
    rows = known[(known["region"] == world.region_name(region)) & (known["status"] == "active")]
    moment = datetime.fromtimestamp(at, UTC)
    rows = rows.assign(language=UNKNOWN_LANGUAGE, event_time=moment, received_at=moment)
    table = pa.Table.from_pandas(rows, schema=USERS.schema, preserve_index=False)
    write_parquet(landing / USERS.name / f"{moment:%Y-%m-%d}-export.parquet", table)
    return len(rows)
