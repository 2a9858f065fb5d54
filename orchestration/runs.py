"""Running Dagster's jobs from the command line: the same jobs, the same record, in this process."""

import contextlib
import gc
import os
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import date

import dagster as dg

from infra import manifest, spark
from infra.ending import raise_if_asked
from infra.errors import DefinitionError, Frozen, Unavailable
from infra.giving_back import give_back
from infra.patience import Patience
from infra.redis_server import running as redis_running
from orchestration.assets.tables import SET_ASIDE
from orchestration.evidence import frozen, note_freeze
from orchestration.jobs import STAGES
from orchestration.naming import called
from orchestration.partitions import RANGE_END, RANGE_START, WHY, days
from orchestration.pipeline import pipeline
from orchestration.replay import newest_day
from orchestration.steps import Steps
from orchestration.system import Installation
from orchestration.up import environment
from validation.contract import unknown

ONLINE = {"features", "release", "monitoring"}
LEARNS = {"training", "release", "search"}
Say = Callable[[str], None]
# The record is in Dagster's storage; here only `findings` are said.
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def execute(
    installation: Installation,
    job: str,
    first: date,
    last: date,
    say: Say | None = None,
    why: str | None = None,
    *,
    steps: Say | None = None,
    despite_freeze: bool = False,
) -> dg.ExecuteInProcessResult:
    """Run a job for a range of days, both included. A refused check or a failed step is said, and is in the result.

    `why` is kept with the run, and with what it makes live. `steps` hears each step that begins and ends. While skew,
    or what comes in broken, has frozen training, a job runs without training and release; raises Frozen where nothing
    else is in it.
    """
    _must_be_days(installation, first, last)
    os.environ.pop("FLYWHEEL_REPLAY_FROM", None)  # what runs in the present starts nothing in another time
    os.environ.update(environment(installation.settings))
    definitions = pipeline(installation)
    tags = {RANGE_START: first.isoformat(), RANGE_END: last.isoformat(), **({WHY: why} if why else {})}
    with dg.DagsterInstance.get() as instance:
        run_id = str(uuid.uuid4())
        if steps:
            instance.add_event_listener(run_id, Steps(steps))
        allowed = None if despite_freeze else _without_training(installation, instance, checked(job), last, say)
        selected = None if allowed is None else sorted(allowed.resolve(definitions.resolve_asset_graph()))
        result = definitions.resolve_job_def(called(installation.system.name, checked(job))).execute_in_process(
            instance=instance,
            tags=tags,
            raise_on_error=False,
            run_config=QUIET,
            run_id=run_id,
            asset_selection=selected,
        )
    raise_if_asked()  # Dagster turns a signal into a failed run
    for line in findings(result):
        if say:
            say(line)
    _give_back()
    return result


def _without_training(
    installation: Installation, instance: dg.DagsterInstance, job: str, last: date, say: Say | None
) -> dg.AssetSelection | None:
    """What of a job may run while training is frozen; None where nothing in it is frozen."""
    groups = set(STAGES[job])
    reason = frozen(instance, installation, last) if groups & LEARNS else ""
    if not reason:
        return None
    note_freeze(installation, reason)
    if not groups - LEARNS:
        raise Frozen(f"{job} is not run: {reason}. When what caused it is mended, `--despite-freeze` trains at once.")
    if say:
        say(f"{job} runs without training and release: {reason}")
    return dg.AssetSelection.groups(*(called(installation.system.name, group) for group in sorted(groups - LEARNS)))


def _must_be_days(installation: Installation, first: date, last: date) -> None:
    today = installation.now().date()
    if last < first:
        raise DefinitionError(f"the days {first} to {last} are none: --until is before --day. Swap them.")
    if last > today:
        raise DefinitionError(
            f"{last} is later than the moment this runs as of, {installation.now():%Y-%m-%d %H:%M} UTC: give an "
            "earlier day, or say a later moment (`--as-of`)."
        )
    earliest = days(installation).start.date()
    if first < earliest:
        raise DefinitionError(
            f"{first} is before {earliest}, where the days of {installation.settings.home} begin: no event is older."
        )


def sound(result: dg.ExecuteInProcessResult) -> bool:
    """Whether a run succeeded and set no file aside."""
    checks = result.get_asset_check_evaluations()
    lost = [check for check in checks if SET_ASIDE in check.metadata and check.metadata[SET_ASIDE].value]
    return result.success and not lost


def redis_for(installation: Installation, job: str) -> AbstractContextManager[str | None]:
    """A Redis server while a job runs that writes or reads online data; a server that already runs is used."""
    if not ONLINE & set(STAGES[job]):
        return contextlib.nullcontext()
    settings, patience = installation.settings, Patience.of(installation.settings)
    return redis_running(settings.redis_url, settings.home / "redis", settings.redis_accept_old, patience=patience)


def _give_back() -> None:
    """Return freed memory to the machine: Java, Arrow and C keep it for later use, which may be minutes away."""
    spark.give_back()
    gc.collect()
    give_back()


def checked(job: str) -> str:
    """The name of a job; raises DefinitionError with the nearest one for any other name."""
    if job not in STAGES:
        raise DefinitionError(f"job {unknown(job, STAGES)}")
    return job


def findings(result: dg.ExecuteInProcessResult) -> list[str]:
    """What to print about a run: every check that did not pass, with its table, and every error."""
    lines = []
    for check in result.get_asset_check_evaluations():
        if not check.passed:
            shown = [str(value.value) for value in check.metadata.values()]
            outcome = "did not pass" if check.severity is dg.AssetCheckSeverity.ERROR else "warns; nothing waits for it"
            lines.append(
                f"{check.asset_key.to_user_string()}: check `{check.check_name}` {outcome}\n" + "\n".join(shown)
            )
    for event in result.all_events:
        error = getattr(event.event_specific_data, "error", None)
        if event.is_failure and error is not None and "AssetCheckFailed" not in (error.cls_name or ""):
            root = error.cause or error
            lines.append(f"{event.step_key or result.dagster_run.job_name}: {root.message.strip()}")
    return lines


def live(installation: Installation, job: str) -> str | None:
    """After a job that may release: what is live, what ranks in it, what the baseline gate said, what is on trial."""
    version = installation.registry.live() if "release" in STAGES[job] else None
    if version is None:
        return None
    ranker = manifest.read_manifest(installation.registry.folder(version)).ranker
    reason = next((f.reason for f in installation.registry.verdict(version).findings if f.gate == "baseline"), "")
    trial = installation.registry.trial()
    tried = f" Release {trial.version} is on trial: {trial.stage} (docs/rollout.md)." if trial else ""
    return f"release {version} is live, ranked by {ranker or 'a model'}. {reason}{tried}"


def last_day(installation: Installation) -> date:
    """The newest day with data in the lake or the landing; raises Unavailable when there is none."""
    newest = newest_day(installation)
    if newest is None:
        raise Unavailable(
            f"{installation.settings.home} holds no events yet. Bring some (`flywheel ingest PATH`) or run "
            "`flywheel demo`."
        )
    return newest
