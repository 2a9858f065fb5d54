"""The retraining sensor: drift retrains, a merit drop also rolls back, skew rolls back and freezes training."""

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import dagster as dg

from infra import alerts
from infra.errors import NotProven, Overtaken, ReleaseMismatch
from infra.machine_decisions import Did, MachineDecision, note
from monitoring.journal import Journal
from monitoring.retrain import Action, Decision, decide
from orchestration.evidence import note_freeze, written
from orchestration.jobs import Job
from orchestration.naming import called
from orchestration.partitions import WHY
from orchestration.switches import sensor_status
from orchestration.system import Installation
from orchestration.upstream import broken_upstream

WHO = "retraining sensor"  # as the release history names it
LATELY = timedelta(days=2)
SCHEDULE_TAG = "dagster/schedule_name"


def retraining_sensor(installation: Installation, job: Job) -> dg.SensorDefinition:
    """Turns confirmed drift, or a merit drop, into one retraining; a drop first rolls back to the previous release.

    Confirmed skew rolls back, too, and as long as it lasts, or what comes in is broken, nothing is retrained. A
    rollback is written as an alert, and each of these as a decision of the machinery. The cursor holds what was seen
    and done: evidence causes nothing twice, and a restart forgets nothing, not even a rollback without its retraining.
    """

    @dg.sensor(
        name=called(installation.system.name, "retraining_sensor"),
        job=job,
        minimum_interval_seconds=60,
        default_status=sensor_status(installation),
        description="confirmed drift or a merit drop retrains once; a drop or skew rolls back; skew freezes training",
    )
    def retraining(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        state = json.loads(context.cursor) if context.cursor else {"after": {}, "journal": None}
        evidence, after = written(context.instance, installation.system.name, state["after"])
        now, epoch = installation.now(), installation.registry.epoch()
        journal = _complete(Journal.from_json(state["journal"]).with_evidence(evidence, now), installation)
        decision = _decided(installation, journal, [*journal.actions, *_scheduled(context.instance, job)], now)
        if decision.frozen:
            note_freeze(installation, decision.frozen)
        if decision.roll_back:  # before the retraining is asked for: meanwhile people get the better release
            try:
                _fall_back(context, installation, decision, now, epoch)
            except Overtaken as overtaken:  # the evidence may be of a release that is not live any more: look again
                return dg.SensorResult(skip_reason=dg.SkipReason(str(overtaken)), cursor=context.cursor)
        requests = []
        if decision.retrain:
            day = _day(journal, decision, now)
            _noted(installation, "retrain", decision, now, installation.registry.live())
            tags = {WHY: decision.reason[:200]}
            requests = [dg.RunRequest(run_key=_key(*decision.evidence), partition_key=f"{day}", tags=tags)]
        cursor = json.dumps({"after": after, "journal": journal.with_action(decision, now).to_json()})
        skipped = None if requests else dg.SkipReason(decision.reason)
        return dg.SensorResult(run_requests=requests, skip_reason=skipped, cursor=cursor)

    return retraining


def _decided(installation: Installation, journal: Journal, history: Sequence[Action], now: datetime) -> Decision:
    """The decision; what comes in is looked at only where a retraining would start."""
    watch, live = installation.system.watch, installation.registry.live()
    assert watch is not None
    decision = decide(journal.evidence, history, now, watch, live)
    broken = broken_upstream(installation, _day(journal, decision, now)) if decision.retrain else ""
    return decide(journal.evidence, history, now, watch, live, broken) if broken else decision


def _day(journal: Journal, decision: Decision, now: datetime) -> date:
    """The day to learn up to: that whose end the newest window of the evidence is."""
    ends = max((e.at for e in journal.evidence if e.id in decision.evidence), default=now)
    return (ends - timedelta(microseconds=1)).date()


def _scheduled(instance: dg.DagsterInstance, job: Job) -> list[Action]:
    """The nightly retrainings of the last days; none where the clock is that of a replay, which runs have not."""
    since = datetime.now(UTC) - LATELY
    tagged = dg.RunsFilter(job_name=job.name, created_after=since)
    records = [r for r in instance.get_run_records(tagged, limit=20) if SCHEDULE_TAG in r.dagster_run.tags]
    return [Action(r.create_timestamp.astimezone(UTC), True, False, "the nightly schedule", scheduled=True)
            for r in records]  # fmt: skip


def _complete(journal: Journal, installation: Installation) -> Journal:
    """The journal with a rollback of this sensor that a crash kept out of it: its retraining is still to come."""
    moves = [move for move in installation.registry.history() if move.action == "rollback" and move.who == WHO]
    last = moves[-1] if moves else None
    if last is None or last.before is None or installation.now() - last.at > LATELY:
        return journal
    if any(action.rolled_back and action.at >= last.at for action in journal.actions):
        return journal
    return journal.with_rollback(last.before, last.at, last.why)


def _fall_back(
    context: dg.SensorEvaluationContext, installation: Installation, decision: Decision, now: datetime, epoch: int
) -> None:
    """Roll back, and write an alert that says to what, or why it was not possible.

    Raises Overtaken where somebody moved a release since that epoch: a second rollback would reach one release too far.
    """
    facts, was = {"registry": installation.system.name, "why": decision.reason}, installation.registry.live()
    try:
        version = installation.registry.rollback(WHO, decision.reason, now, epoch=epoch)
        facts["rollback"] = f"release {version} is live again"
        _noted(installation, "roll back", decision, now, was)
    except (NotProven, ReleaseMismatch) as impossible:  # there is no earlier release, or its files are gone
        context.log.warning(str(impossible))  # retraining must not wait for a rollback
        facts["rollback"] = str(impossible)
        _noted(installation, "refuse", decision, now, was, **{"no rollback": str(impossible)})
    alerts.write(installation.settings.home, now, **facts)


def _noted(
    installation: Installation, did: Did, decision: Decision, now: datetime, release: str | None, **more: str
) -> None:
    evidence = {"windows": ", ".join(decision.evidence), **more}
    note(installation.settings.part, MachineDecision(now, did, decision.reason, release, evidence))


def _key(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]
