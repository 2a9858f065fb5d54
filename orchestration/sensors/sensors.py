"""What the installation reacts to: files that landed, drift that was confirmed, runs that failed."""

import hashlib
import json
from datetime import timedelta

import dagster as dg

from infra import alerts
from infra.errors import NotProven, ReleaseMismatch
from monitoring.journal import Journal
from monitoring.retrain import decide
from orchestration.evidence import written
from orchestration.jobs import Job
from orchestration.partitions import WHY
from orchestration.sensors.landing_sensor import landing_sensor
from orchestration.sensors.registry_sensor import registry_sensor
from orchestration.system import Installation


def sensors(
    installation: Installation, jobs: dict[str, Job], days: dg.DailyPartitionsDefinition
) -> list[dg.SensorDefinition]:
    """The sensors of a system: landing, failures and registry always, retraining where it is watched."""
    made = [
        landing_sensor(installation, jobs["features"], days),
        failure_sensor(installation),
        registry_sensor(installation),
    ]
    return (
        [*made, retraining_sensor(installation, jobs["retrain"])]
        if installation.system.watch and "retrain" in jobs
        else made
    )


def retraining_sensor(installation: Installation, job: Job) -> dg.SensorDefinition:
    """Turns confirmed drift, or an AUC drop, into one retraining; a drop also rolls back to the previous release.

    The cursor holds what was seen and done: evidence causes nothing twice, and a restart forgets nothing.
    """

    @dg.sensor(
        name="retraining_sensor",
        job=job,
        minimum_interval_seconds=60,
        description="confirmed drift or an AUC drop retrains once; a drop also rolls back",
    )
    def retraining(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        state = json.loads(context.cursor) if context.cursor else {"after": {}, "journal": None}
        found, after = written(context.instance, state["after"])
        live = installation.registry.live()
        now = installation.now()
        journal = Journal.from_json(state["journal"]).seen(found, now)
        assert installation.system.watch is not None
        decision = decide(journal.evidence, journal.actions, now, installation.system.watch, live)
        if decision.roll_back:
            try:
                installation.registry.rollback(who="retraining sensor", why=decision.reason, at=now)
            except (NotProven, ReleaseMismatch) as nowhere:  # none stands before it, or its files are gone for good
                context.log.warning(str(nowhere))  # retraining must not wait for one
                alerts.write(installation.settings.home, now, registry=installation.system.name, rollback=str(nowhere))
        requests = []
        if decision.retrain:
            ends = max(e.at for e in journal.evidence if e.id in decision.evidence)
            day = (ends - timedelta(microseconds=1)).date().isoformat()  # the day whose end that is
            tags = {WHY: decision.reason[:200]}
            requests = [dg.RunRequest(run_key=_key(*decision.evidence), partition_key=day, tags=tags)]
        cursor = json.dumps({"after": after, "journal": journal.acted(decision, now).to_json()})
        reason = None if requests else dg.SkipReason(decision.reason)
        return dg.SensorResult(run_requests=requests, skip_reason=reason, cursor=cursor)

    return retraining


def failure_sensor(installation: Installation) -> dg.SensorDefinition:
    """Writes every failed run to `alerts.jsonl`, a line each, for whatever wakes people up where you are."""

    @dg.run_failure_sensor(name="failure_sensor", description="every failed run becomes a line of alerts.jsonl")
    def failure(context: dg.RunFailureSensorContext) -> None:
        alerts.write(
            installation.settings.home,
            installation.now(),
            run=context.dagster_run.run_id,
            job=context.dagster_run.job_name,
            partition=context.dagster_run.tags.get("dagster/partition"),
            error=context.failure_event.message,
        )

    return failure


def _key(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]
