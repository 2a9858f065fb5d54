"""The candidate release: the built release of a training run with its verdict, before it has a version."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from feature_repo.definition import FeatureSet
from infra.arrays import AnyArray, Float32s
from infra.atomic import atomic_write
from infra.clock import Clock
from infra.errors import NotProven, ReleaseMismatch
from infra.lake import Lake
from infra.release_format import Popular
from infra.settings import Settings
from infra.spark import session
from training.definition import Task
from training.fitting import (
    Embedded,
    Trained,
    as_served,
    build_item_space,
    build_popular_lists,
    newest_descriptions,
    train_contenders,
)
from training.judging import (
    BatchesBehind,
    BestRelease,
    Replay,
    TrainingRun,
    judge_candidate,
    settle_on_baseline,
    worth_of_fresher,
)
from training.perturbation import Workshop, perturbation_proof
from training.registry import LoggedRun, Registry
from training.release.build import build_release
from training.release.facts import training_facts
from training.release.report import freshness_section, log_report, retrieval_section
from training.release.user_vectors import keep_user_vectors
from training.release.value import random_pages, value_section
from training.rows import Dataset
from validation.batches import status_of_days
from validation.contract import Table
from validation.definition import GateLimits
from validation.verdict import Verdict

FIGURES, VERDICT = "figures.json", "verdict.json"  # beside the candidate's folder


@dataclass(frozen=True, slots=True)
class ReleaseInputs:
    """What a release is made from besides the training set.

    policy      the serving policy as JSON
    extra       makes further files of the release, by name, from the training set and the training run
    scoring_ms  measures how long a built release takes to score one request, from rows (rows, features)
    replay      makes rows of the training set again as serving makes them
    as_published  joins rows of the training set with states as they were published by then
    """

    settings: Settings
    system: str
    lake: Lake
    registry: Registry
    task: Task
    features: FeatureSet
    tables: tuple[Table, ...]
    limits: GateLimits
    history_days: int
    policy: bytes
    extra: Callable[[Dataset, Trained], Mapping[str, bytes]]
    scoring_ms: Callable[[Path, Float32s], float]
    replay: Replay
    as_published: Callable[[Dataset, AnyArray], Float32s]

    @property
    def workshop(self) -> Workshop:
        """What training rows are built again with."""
        return Workshop(self.settings, self.lake, self.features, self.task, self.tables)

    @property
    def folder(self) -> Path:
        """Where the candidate is built."""
        return candidate_folder(self.settings, self.system)


class Figures(msgspec.Struct, frozen=True):
    """A run's figures: of the main target by contender, and of the others by target and contender."""

    metrics: dict[str, dict[str, Any]]
    also: dict[str, dict[str, dict[str, Any]]]
    winner: str
    run_id: str
    report: str
    retrieval: dict[str, float] = {}


@dataclass(frozen=True)
class Candidate:
    """A built release with the verdict on it and the report of its run."""

    folder: Path
    verdict: Verdict
    figures: Figures

    @property
    def report(self) -> LoggedRun:
        """The recorded run, as the registry takes it."""
        figures = self.figures
        return LoggedRun(figures.run_id, figures.metrics, figures.metrics[figures.winner], Path(figures.report))

    def facts(self) -> dict[str, Any]:
        """Figures that Dagster shows of the run."""
        figures = self.figures
        return {
            "winner": figures.winner,
            "metrics": figures.metrics,
            "metrics_also": figures.also,
            "passed": self.verdict.passed,
            "mlflow run": figures.run_id,
            "report": figures.report,
            **{f"retrieval {name}": value for name, value in figures.retrieval.items()},
        }

    @classmethod
    def load(cls, settings: Settings, system: str) -> "Candidate":
        """The newest candidate; raises NotProven when there is none or a gate refused it."""
        folder = candidate_folder(settings, system)
        if not (folder.parent / VERDICT).exists():
            raise NotProven(f"{system}: there is no candidate. Train one (`flywheel run train`).")
        verdict = Verdict.from_json((folder.parent / VERDICT).read_bytes())
        if not verdict.passed:
            raise NotProven(f"{system}: the newest candidate was refused: {'; '.join(verdict.reasons())}")
        return cls(folder, verdict, msgspec.json.decode((folder.parent / FIGURES).read_bytes(), type=Figures))


def candidate_folder(settings: Settings, system: str) -> Path:
    """The folder of a system's newest candidate; its verdict, figures and users' vectors are beside it."""
    return settings.of(system).candidates / "release"


def newest_winner(settings: Settings, system: str) -> str | None:
    """The contender that won the newest training, also where a gate refused it; None before the first."""
    figures = candidate_folder(settings, system).parent / FIGURES
    return msgspec.json.decode(figures.read_bytes(), type=Figures).winner if figures.exists() else None


def make_candidate(inputs: ReleaseInputs, data: Dataset, moment: datetime, clock: Clock) -> Candidate:
    """Train, judge and build a release from a training set, and record the run; a refused one is recorded too.

    moment  the run uses what was received before
    clock   dates the beginning and the end of training in MLflow: the machine's, also where events are replayed
    """
    task, folder = inputs.task, inputs.folder
    (folder.parent / VERDICT).unlink(missing_ok=True)  # until the new one is complete there is no candidate
    runs = {target: _timed(data, task, target, clock) for target in (task.target, *task.also)}
    trained, times = runs.pop(task.target)
    trained = settle_on_baseline(trained, inputs.limits)
    embedded = _embedded(inputs, data, trained, moment)
    verdict = build_and_judge(inputs, data, trained, moment, folder, embedded)
    if embedded is not None:
        keep_user_vectors(embedded, folder)
    retrieval = embedded.measures if embedded else {}
    logged = _logged(inputs, data, trained, moment, times, retrieval)
    for run, times_of_run in runs.values():
        log_report(inputs.settings, run, data, task, moment, times=times_of_run)
    also = {target: run.metrics() for target, (run, _) in runs.items()}
    figures = Figures(trained.metrics(), also, trained.winner, logged.run_id, str(logged.folder), dict(retrieval))
    (folder.parent / FIGURES).write_bytes(msgspec.json.encode(figures))
    with atomic_write(folder.parent / VERDICT) as draft:
        draft.write_text(verdict.to_json())
    return Candidate(folder, verdict, figures)


def build_and_judge(
    inputs: ReleaseInputs,
    data: Dataset,
    trained: Trained,
    moment: datetime,
    folder: Path,
    embedded: Embedded | None = None,
) -> Verdict:
    """Build a release folder from a training run, and judge it by all gates; nothing is published."""
    task, registry = inputs.task, inputs.registry
    facts = training_facts(
        task, trained.winner, seed=trained.seed, target=trained.target, days=learned_days(inputs, moment),
        rows=len(data.frame), freshness=data.freshness,
    )  # fmt: skip
    lists = Popular()
    if task.fallback_lists:
        items = newest_descriptions(inputs.lake, task.fallback_lists, moment)
        lists = build_popular_lists(data.frame, items, task.fallback_lists, moment)
    build_release(
        folder,
        trained,
        data,
        inputs.features,
        task,
        lists,
        inputs.policy,
        version=registry.next_version(),
        created_at=moment,
        embedded=embedded,
        extra=inputs.extra(data, trained),
        training=facts,
    )
    live, rows = registry.live(), as_served(data.matrix[trained.rows["judge"]], data, task)
    return judge_candidate(
        TrainingRun(trained, data, task, inputs.features),
        inputs.limits,
        folder,
        live=registry.folder(live) if live else None,
        best=best_release(registry),
        live_verdict=_verdict_on(registry, live),
        replay=inputs.replay,
        perturbation=perturbation_proof(inputs.workshop, data, task.seed) if inputs.limits.min_perturbed else None,
        latency_ms=None if inputs.limits.max_latency_ms is None else inputs.scoring_ms(folder, rows),
        batches=batches_behind(inputs, moment),
    )


def best_release(registry: Registry) -> BestRelease | None:
    """The best release that was live, without its files where they are gone; None before any was."""
    version = registry.best()
    if version is None:
        return None
    try:
        return BestRelease(version, registry.folder(version))
    except ReleaseMismatch:
        return BestRelease(version, None)


def _verdict_on(registry: Registry, live: str | None) -> Verdict | None:
    """What the gates said of the live release; None where there is none, or its version was deleted in MLflow."""
    try:
        return registry.verdict(live) if live else None
    except ReleaseMismatch:
        return None


def batches_behind(inputs: ReleaseInputs, moment: datetime) -> BatchesBehind:
    """The state of the batches behind a training set: how many of their rows still wait, and since when.

    Their days are those that the set is made of, whenever their files were ingested and whatever was mended since.
    """
    batches = status_of_days(inputs.lake, inputs.tables, *learned_days(inputs, moment))
    return BatchesBehind(batches.refused, batches.share, batches.since)


def learned_days(inputs: ReleaseInputs, moment: datetime) -> tuple[date, date]:
    """The first and the last of the days that a model learns from as of a moment."""
    last = (moment - timedelta(microseconds=1)).date()
    return last - timedelta(days=inputs.history_days - 1), last


def _logged(
    inputs: ReleaseInputs, data: Dataset, trained: Trained, moment: datetime, times: tuple[datetime, datetime],
    retrieval: Mapping[str, float],
) -> LoggedRun:  # fmt: skip
    """The recorded run of the main target, with what else was measured of it."""
    task, judge, worth = inputs.task, trained.rows["judge"], None
    if data.freshness.longest_s:
        worth = worth_of_fresher(trained, data, task, inputs.as_published(data, judge))
    tables, model = {table.name: table for table in inputs.tables}, trained.fitted[trained.winner]
    pages = random_pages(inputs.lake, tables, data, task, judge, model)
    sections = (
        freshness_section(data.freshness, worth, task), value_section(pages, trained), retrieval_section(retrieval)
    )  # fmt: skip
    more = {f"retrieval/{name}": value for name, value in retrieval.items()}
    more |= {"fresher_states/gain": worth.gain.mean, "fresher_states/gain_low": worth.gain.low} if worth else {}
    return log_report(inputs.settings, trained, data, task, moment, times, sections, more)


def _timed(data: Dataset, task: Task, target: str, clock: Clock) -> tuple[Trained, tuple[datetime, datetime]]:
    """A training, with the moments at which it began and ended."""
    began = clock.now()
    trained = train_contenders(data, task, target=target)
    return trained, (datetime.fromtimestamp(began, UTC), datetime.fromtimestamp(clock.now(), UTC))


def _embedded(inputs: ReleaseInputs, data: Dataset, trained: Trained, moment: datetime) -> Embedded | None:
    """Users and items as vectors; None for a system that defines no embedding."""
    if inputs.task.embedding is None:
        return None
    spark, rows, seed = session(inputs.settings), trained.rows, trained.seed
    return build_item_space(spark, inputs.lake, data, rows, inputs.task, inputs.features, moment, seed)
