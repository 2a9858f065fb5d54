"""Figures of Dagster's runs: when a job last succeeded, how long that took, and how the runs of a day ended."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg

from orchestration.exporter.families import JOB_AGE, JOB_FAILING, JOB_RUNS, JOB_SECONDS
from orchestration.exporter.family import Sample
from orchestration.jobs import STAGES
from orchestration.naming import called
from orchestration.system import Installation

MOST = 2000  # runs of one day that are looked at
HOW = {
    dg.DagsterRunStatus.SUCCESS: "success",
    dg.DagsterRunStatus.FAILURE: "failure",
    dg.DagsterRunStatus.CANCELED: "canceled",
}
ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]


def samples(installation: Installation) -> Iterator[Sample]:
    """The figures of a system's jobs; Dagster dates runs by the machine's clock, so their ages are by it, too."""
    names = {called(installation.system.name, job): job for job in STAGES}
    with dg.DagsterInstance.get() as instance:
        yield from _of_last_day(instance, names)
        for name, job in names.items():
            newest = instance.get_run_records(dg.RunsFilter(job_name=name, statuses=ENDED), limit=1)
            if newest:
                failing = newest[0].dagster_run.status is dg.DagsterRunStatus.FAILURE
                yield Sample(JOB_FAILING, float(failing), (job,))
            yield from _last_success(instance, name, job)


def _last_success(instance: dg.DagsterInstance, name: str, job: str) -> Iterator[Sample]:
    succeeded = dg.RunsFilter(job_name=name, statuses=[dg.DagsterRunStatus.SUCCESS])
    for record in instance.get_run_records(succeeded, limit=1):
        if record.start_time is not None and record.end_time is not None:
            yield Sample(JOB_AGE, max(0.0, datetime.now(UTC).timestamp() - record.end_time), (job,))
            yield Sample(JOB_SECONDS, record.end_time - record.start_time, (job,))


def _of_last_day(instance: dg.DagsterInstance, names: dict[str, str]) -> Iterator[Sample]:
    since = dg.RunsFilter(created_after=datetime.now(UTC) - timedelta(days=1))
    runs = Counter[tuple[str, str]]()
    for record in instance.get_run_records(since, limit=MOST):
        run = record.dagster_run
        if run.job_name in names:
            runs[names[run.job_name], HOW.get(run.status, "going on")] += 1
    for labels, count in runs.items():
        yield Sample(JOB_RUNS, float(count), labels)
