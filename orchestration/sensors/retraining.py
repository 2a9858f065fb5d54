"""The retraining sensor: what monitoring confirmed becomes one retraining, and an AUC drop a rollback too."""

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
from orchestration.system import Installation


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
        evidence, after = written(context.instance, state["after"])
        live = installation.registry.live()
        now = installation.now()
        journal = Journal.from_json(state["journal"]).seen(evidence, now)
        assert installation.system.watch is not None
        decision = decide(journal.evidence, journal.actions, now, installation.system.watch, live)
        if decision.roll_back:
            try:
                installation.registry.rollback(who="retraining sensor", why=decision.reason, at=now)
            except (NotProven, ReleaseMismatch) as impossible:  # there is no earlier release, or its files are gone
                context.log.warning(str(impossible))  # retraining must not wait for a rollback
                alerts.write(
                    installation.settings.home, now, registry=installation.system.name, rollback=str(impossible)
                )
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


def _key(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]
