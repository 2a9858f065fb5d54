"""What the installation reacts to: files that landed, drift that was confirmed, runs that failed."""

import hashlib
import json
from datetime import timedelta

import dagster as dg

from monitoring.journal import Journal
from monitoring.retrain import Evidence, decide
from orchestration.alerts import alert
from orchestration.assets.monitoring import EVIDENCE, WATCHING
from orchestration.jobs import Job
from orchestration.landing_sensor import landing_sensor
from orchestration.partitions import WHY
from orchestration.system import Installation
from validation.errors import NotProven


def sensors(at: Installation, jobs: dict[str, Job], days: dg.DailyPartitionsDefinition) -> list[dg.SensorDefinition]:
    """The sensors of a system: the landing always, retraining where it is watched, failures always."""
    made = [landing_sensor(at, jobs["features"], days), failure_sensor(at)]
    return [*made, retraining_sensor(at, jobs["retrain"])] if at.system.watch and "retrain" in jobs else made


def retraining_sensor(at: Installation, job: Job) -> dg.SensorDefinition:
    """Turns confirmed drift, or an AUC drop, into one retraining; a drop also rolls back to the previous release.

    The cursor holds what was seen and done: evidence causes nothing twice, and a restart forgets nothing.
    """

    @dg.sensor(name="retraining_sensor", job=job, minimum_interval_seconds=60)
    def retraining(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        state = json.loads(context.cursor) if context.cursor else {"after": {}, "journal": None}
        found, after = _evidence(context.instance, state["after"])
        live = at.registry.live()
        now = at.now()
        journal = Journal.from_json(state["journal"]).seen(found, now)
        assert at.system.watch is not None
        decision = decide(journal.evidence, journal.actions, now, at.system.watch, live)
        if decision.roll_back:
            try:
                at.registry.rollback(who="retraining sensor", why=decision.reason, at=now)
            except NotProven as nowhere:  # the first release has none before it; retraining must not wait for one
                context.log.warning(str(nowhere))
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


def failure_sensor(at: Installation) -> dg.SensorDefinition:
    """Writes every failed run to `alerts.jsonl`, a line each, for whatever wakes people up where you are."""

    @dg.run_failure_sensor(name="failure_sensor")
    def failure(context: dg.RunFailureSensorContext) -> None:
        run = context.dagster_run
        partition = run.tags.get("dagster/partition")
        alert(at, run=run.run_id, job=run.job_name, partition=partition, error=context.failure_event.message)

    return failure


def _evidence(instance: dg.DagsterInstance, after: dict[str, int]) -> tuple[list[Evidence], dict[str, int]]:
    """Evidence that monitoring assets wrote since the last look, and how far each asset has now been read."""
    found: list[Evidence] = []
    seen = dict(after)
    for name in WATCHING:
        records = instance.fetch_materializations(
            dg.AssetRecordsFilter(asset_key=dg.AssetKey(name), after_storage_id=seen.get(name)),
            limit=500,
            ascending=True,
        ).records
        for record in records:
            seen[name] = record.storage_id
            written = record.asset_materialization.metadata.get(EVIDENCE) if record.asset_materialization else None
            if written is not None:
                found += json_evidence(str(written.value))
    return found, seen


def json_evidence(text: str) -> list[Evidence]:
    """Evidence as a monitoring asset wrote it into its metadata."""
    import msgspec

    return msgspec.json.decode(text, type=list[Evidence])


def _key(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]
