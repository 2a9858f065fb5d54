"""The landing sensor: a run for each day that files are waiting for, and another one where a run left them there."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import dagster as dg

from feature_repo.folding import closed_days
from infra import alerts
from orchestration.jobs import Job
from orchestration.late_files import work_of
from orchestration.naming import called
from orchestration.partitions import landed
from orchestration.switches import sensor_status
from orchestration.system import Installation
from validation.files import TableFile, shown

RUN_KEY_TAG = "dagster/run_key"
ATTEMPTS = 6
FIRST_WAIT = timedelta(minutes=2)
"""The second run comes at the next tick, the third after this time, and each further one after twice the time."""


@dataclass(frozen=True, slots=True)
class DayRun:
    """What a day's files lead to: a run, or the reason why there is none now. `given_up`: no further run is tried."""

    day: date
    request: dg.RunRequest | None
    reason: str = ""
    given_up: bool = False


def landing_sensor(installation: Installation, job: Job, days: dg.DailyPartitionsDefinition) -> dg.SensorDefinition:
    """Ingests what landed and publishes it: one run for each day that files are waiting for.

    When a run ended and its files still wait, another one is requested, with growing pauses. The cursor holds the
    reasons that were alerted already.
    """

    @dg.sensor(
        name=called(installation.system.name, "landing_sensor"),
        job=job,
        minimum_interval_seconds=60,
        default_status=sensor_status(installation),
    )
    def landing(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        day_runs = [
            _ask(context.instance, day, files, days.start.date()) for day, files in sorted(_work(installation).items())
        ]
        cursor = _alerted(installation, day_runs, context.cursor)
        reasons = [each.reason for each in day_runs if each.reason]
        reasons += [f"not taken: {each}" for each in landed(installation).refused]
        for reason in reasons:
            context.log.info(reason)
        requests = [each.request for each in day_runs if each.request]
        idle = "; ".join(reasons) or f"no file waits in {shown(installation.settings.landing)}"
        return dg.SensorResult(
            run_requests=requests, skip_reason=None if requests else dg.SkipReason(idle[:2000]), cursor=cursor
        )

    return landing


def _work(installation: Installation) -> dict[date, list[TableFile]]:
    """The files that wait, by the day to run for them."""
    return work_of(landed(installation).files, installation.now().date(), closed_days(installation.lake))


def _ask(instance: dg.DagsterInstance, day: date, files: Sequence[TableFile], first: date) -> DayRun:
    """A run for the files of a day, unless one works on them or has just failed on them."""
    if day < first:
        reason = f"it is before the first day known here ({first}); run `flywheel run features --day {day}`"
        reason = f"{day}: {_some(files)} waits: {reason}, or reload the code location"
        return DayRun(day, None, reason, given_up=True)
    content = _content(files)
    for attempt in range(1, ATTEMPTS + 1):
        key = _key(day, content, attempt)
        [*records] = instance.get_run_records(dg.RunsFilter(tags={RUN_KEY_TAG: key}), limit=1)
        if not records:
            return DayRun(day, dg.RunRequest(run_key=key, partition_key=day.isoformat()))
        run, ended = records[0].dagster_run, records[0].update_timestamp.astimezone(UTC)
        if not run.is_finished:
            return DayRun(day, None, f"{day}: run {run.run_id} is working on {_some(files)}")
        again = ended + (FIRST_WAIT * 2 ** (attempt - 2) if attempt > 1 else timedelta())
        if attempt < ATTEMPTS and datetime.now(UTC) < again:
            return DayRun(day, None, f"{day}: {_some(files)} still waits; attempt {attempt + 1} at {again:%H:%M} UTC")
    reason = f"{day}: {_some(files)} still waits after {ATTEMPTS} runs; look at the last one, {run.run_id}"
    return DayRun(
        day, None, f"{reason}. Mend what it says, then run `flywheel run features --day {day}`", given_up=True
    )


def _alerted(installation: Installation, day_runs: Sequence[DayRun], cursor: str | None) -> str:
    """Alert once about what is no longer tried; returns the cursor that holds it."""
    before = set(json.loads(cursor)["told"]) if cursor else set()
    given_up = {each.reason for each in day_runs if each.given_up}
    for reason in sorted(given_up - before):
        sensor = called(installation.system.name, "landing_sensor")
        alerts.write(installation.settings.home, installation.now(), sensor=sensor, error=reason)
    return json.dumps({"told": sorted(given_up)})


def _content(files: Sequence[TableFile]) -> str:
    """What differs between files of the same name: size, time of the last change, and inode."""
    lines = []
    for file in files:
        try:
            facts = file.path.lstat()
        except FileNotFoundError:  # a run has just moved it
            continue
        lines.append(f"{file.table.name}/{file.below} {facts.st_size} {facts.st_mtime_ns} {facts.st_ino}")
    return "\n".join(sorted(lines))


def _key(day: date, content: str, attempt: int) -> str:
    text = f"{day}\n{content}" + (f"\nattempt {attempt}" if attempt > 1 else "")
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _some(files: Sequence[TableFile]) -> str:
    more = f" and {len(files) - 1:,} more" if len(files) > 1 else ""
    return f"{shown(files[0].path.name)}{more}"
