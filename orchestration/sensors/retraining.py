"""The retraining sensor: drift retrains, a merit drop also rolls back, skew rolls back and freezes training."""

import hashlib
import json
from datetime import datetime, timedelta

import dagster as dg

from infra import alerts
from infra.errors import NotProven, ReleaseMismatch
from monitoring.journal import Journal
from monitoring.retrain import Decision, decide
from orchestration.evidence import written
from orchestration.jobs import Job
from orchestration.naming import called
from orchestration.partitions import WHY
from orchestration.system import Installation


def retraining_sensor(installation: Installation, job: Job) -> dg.SensorDefinition:
    """Turns confirmed drift, or a merit drop, into one retraining; a drop also rolls back to the previous release.

    Confirmed skew rolls back, too, and as long as it lasts nothing is retrained. A rollback is written as an alert.
    The cursor holds what was seen and done: evidence causes nothing twice, and a restart forgets nothing.
    """

    @dg.sensor(
        name=called(installation.system.name, "retraining_sensor"),
        job=job,
        minimum_interval_seconds=60,
        description="confirmed drift or a merit drop retrains once; a drop or skew rolls back; skew freezes training",
    )
    def retraining(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        state = json.loads(context.cursor) if context.cursor else {"after": {}, "journal": None}
        evidence, after = written(context.instance, installation.system.name, state["after"])
        live = installation.registry.live()
        now = installation.now()
        journal = Journal.from_json(state["journal"]).with_evidence(evidence, now)
        assert installation.system.watch is not None
        decision = decide(journal.evidence, journal.actions, now, installation.system.watch, live)
        if decision.roll_back:
            _fall_back(context, installation, decision, now)
        requests = []
        if decision.retrain:
            ends = max(e.at for e in journal.evidence if e.id in decision.evidence)
            day = (ends - timedelta(microseconds=1)).date().isoformat()  # the day whose end that is
            tags = {WHY: decision.reason[:200]}
            requests = [dg.RunRequest(run_key=_key(*decision.evidence), partition_key=day, tags=tags)]
        cursor = json.dumps({"after": after, "journal": journal.with_action(decision, now).to_json()})
        skipped = None if requests else dg.SkipReason(decision.reason)
        return dg.SensorResult(run_requests=requests, skip_reason=skipped, cursor=cursor)

    return retraining


def _fall_back(
    context: dg.SensorEvaluationContext, installation: Installation, decision: Decision, now: datetime
) -> None:
    """Roll back, and write an alert that says to what, or why it was not possible."""
    facts = {"registry": installation.system.name, "why": decision.reason}
    try:
        version = installation.registry.rollback(who="retraining sensor", why=decision.reason, at=now)
        facts["rollback"] = f"release {version} is live again"
    except (NotProven, ReleaseMismatch) as impossible:  # there is no earlier release, or its files are gone
        context.log.warning(str(impossible))  # retraining must not wait for a rollback
        facts["rollback"] = str(impossible)
    alerts.write(installation.settings.home, now, **facts)


def _key(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]
