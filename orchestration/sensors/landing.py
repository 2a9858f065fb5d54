"""What is done about files that landed: a run for each day of them, and another one where a run left them there."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import dagster as dg

from infra import alerts
from orchestration.jobs import Job
from orchestration.partitions import landed, waiting
from orchestration.system import Installation
from validation.files import TableFile, shown

RUN_KEY_TAG = "dagster/run_key"
ATTEMPTS = 6
FIRST_WAIT = timedelta(minutes=2)
"""A run that left its files there is followed by another at the next tick, then after this time, then twice it."""


@dataclass(frozen=True, slots=True)
class DayRun:
    """What a day's files lead to: a run, or a reason why none now. `given_up`: no more is tried here."""

    day: date
    request: dg.RunRequest | None
    reason: str = ""
    given_up: bool = False


def landing_sensor(installation: Installation, job: Job, days: dg.DailyPartitionsDefinition) -> dg.SensorDefinition:
    """Ingests what landed and publishes it: one run for each day that files are waiting for.

    The same files are asked for again when their run ended and they still wait, with growing pauses; the cursor holds
    which of them somebody was told of.
    """

    @dg.sensor(name="landing_sensor", job=job, minimum_interval_seconds=60)
    def landing(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        asked = [
            _ask(context.instance, day, files, days.start.date())
            for day, files in sorted(waiting(installation).items())
        ]
        cursor = _told(installation, asked, context.cursor)
        reasons = [each.reason for each in asked if each.reason]
        reasons += [f"not taken: {each}" for each in landed(installation).refused]
        for reason in reasons:
            context.log.info(reason)
        requests = [each.request for each in asked if each.request]
        idle = "; ".join(reasons) or f"no file waits in {shown(installation.settings.landing)}"
        return dg.SensorResult(
            run_requests=requests, skip_reason=None if requests else dg.SkipReason(idle[:2000]), cursor=cursor
        )

    return landing


def _ask(instance: dg.DagsterInstance, day: date, files: Sequence[TableFile], first: date) -> DayRun:
    """A run for the files of a day, unless one is at it or has just failed at it."""
    if day < first:
        told = f"it is before the first day known here ({first}); run `flywheel run features --day {day}`"
        told = f"{day}: {_some(files)} waits: {told}, or reload the code location"
        return DayRun(day, None, told, given_up=True)
    content = _content(files)
    for attempt in range(1, ATTEMPTS + 1):
        key = _key(day, content, attempt)
        [*records] = instance.get_run_records(dg.RunsFilter(tags={RUN_KEY_TAG: key}), limit=1)
        if not records:
            return DayRun(day, dg.RunRequest(run_key=key, partition_key=day.isoformat()))
        run, ended = records[0].dagster_run, records[0].update_timestamp.astimezone(UTC)
        if not run.is_finished:
            return DayRun(day, None, f"{day}: run {run.run_id} is at {_some(files)}")
        again = ended + (FIRST_WAIT * 2 ** (attempt - 2) if attempt > 1 else timedelta())
        if attempt < ATTEMPTS and datetime.now(UTC) < again:
            return DayRun(day, None, f"{day}: {_some(files)} still waits; attempt {attempt + 1} at {again:%H:%M} UTC")
    told = f"{day}: {_some(files)} still waits after {ATTEMPTS} runs; look at the last one, {run.run_id}"
    return DayRun(day, None, f"{told}. Mend what it says, then run `flywheel run features --day {day}`", given_up=True)


def _told(installation: Installation, asked: Sequence[DayRun], cursor: str | None) -> str:
    """Alert somebody of what is no longer tried, once; the cursor with it."""
    before = set(json.loads(cursor)["told"]) if cursor else set()
    given_up = {each.reason for each in asked if each.given_up}
    for reason in sorted(given_up - before):
        alerts.write(installation.settings.home, installation.now(), sensor="landing_sensor", error=reason)
    return json.dumps({"told": sorted(given_up)})


def _content(files: Sequence[TableFile]) -> str:
    """What tells files from others of the same name: their size, when they were written, and which they are."""
    told = []
    for file in files:
        try:
            facts = file.path.lstat()
        except FileNotFoundError:  # a run has just moved it
            continue
        told.append(f"{file.table.name}/{file.below} {facts.st_size} {facts.st_mtime_ns} {facts.st_ino}")
    return "\n".join(sorted(told))


def _key(day: date, content: str, attempt: int) -> str:
    told = f"{day}\n{content}" + (f"\nattempt {attempt}" if attempt > 1 else "")
    return hashlib.sha256(told.encode()).hexdigest()[:24]


def _some(files: Sequence[TableFile]) -> str:
    more = f" and {len(files) - 1:,} more" if len(files) > 1 else ""
    return f"{shown(files[0].path.name)}{more}"
