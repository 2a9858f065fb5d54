"""The candidate: what a training run brings forth, before it has a version anywhere."""

import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from infra.atomic import whole
from infra.errors import NotProven
from monitoring import evidently_report
from monitoring.reference import Reference
from orchestration import retrieval
from orchestration.system import Installation
from serving import policy_json
from training.definition import Ranking
from training.fitting import Embedded, Trained, build_popular_lists, newest_descriptions, train_contenders
from training.judging import judge_candidate, settle_on_baseline
from training.registry import LoggedRun
from training.release import build_release, log_report
from training.rows import Dataset
from validation.batches import standing
from validation.gates import Verdict

REFERENCE = "reference.json"  # how inputs and scores lay when the release was judged: what drift is measured against
REFERENCE_ROWS = "reference_rows.parquet"  # some of those rows themselves: what the drift page draws


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
        """The report as the registry wants it."""
        f = self.figures
        return LoggedRun(f.run_id, f.metrics, f.metrics[f.winner], Path(f.report))

    def facts(self) -> dict[str, Any]:
        """Figures for whoever looks at the run."""
        f = self.figures
        return {
            "winner": f.winner,
            "metrics": f.metrics,
            "metrics_also": f.also,
            "passed": self.verdict.passed,
            "mlflow run": f.run_id,
            "report": f.report,
            **{f"retrieval {name}": value for name, value in f.retrieval.items()},
        }

    @classmethod
    def load(cls, installation: Installation) -> "Candidate":
        """The newest candidate; raises NotProven when there is none or a gate refused it."""
        folder = _folder(installation)
        if not (folder.parent / "verdict.json").exists():
            raise NotProven(f"{installation.system.name}: there is no candidate. Train one (`flywheel run train`).")
        verdict = Verdict.from_json((folder.parent / "verdict.json").read_bytes())
        if not verdict.passed:
            raise NotProven(
                f"{installation.system.name}: the newest candidate was refused: {'; '.join(verdict.reasons())}"
            )
        figures = msgspec.json.decode((folder.parent / "figures.json").read_bytes(), type=Figures)
        return cls(folder, verdict, figures)


def make(installation: Installation, data: Dataset, moment: datetime) -> Candidate:
    """Train, judge and build a release from a training set, and record the run; what was refused is recorded too."""
    ranking = installation.system.ranking
    (_folder(installation).parent / "verdict.json").unlink(
        missing_ok=True
    )  # until the new one is whole there is no candidate
    runs = {target: _timed(data, ranking, target) for target in (ranking.target, *ranking.also)}
    trained, took = runs.pop(ranking.target)
    trained = settle_on_baseline(trained, installation.system.limits)
    folder = _folder(installation)
    embedded = retrieval.embedded(installation, data, trained, moment)
    verdict = build(installation, data, trained, moment, folder, embedded)
    if embedded is not None:
        retrieval.keep(embedded, folder)
    found = embedded.measures if embedded else {}
    told = log_report(installation.settings, trained, data, ranking, moment, found, took)
    for run, times in runs.values():
        log_report(installation.settings, run, data, ranking, moment, took=times)
    metrics = {target: run.metrics() for target, (run, _) in runs.items()}
    figures = Figures(trained.metrics(), metrics, trained.winner, told.run_id, str(told.folder), dict(found))
    (folder.parent / "figures.json").write_bytes(msgspec.json.encode(figures))
    with whole(folder.parent / "verdict.json") as draft:
        draft.write_text(verdict.to_json())
    return Candidate(folder, verdict, figures)


def verdict_on(installation: Installation, data: Dataset, moment: datetime) -> Verdict:
    """What the gates say of a ranker trained on this set; the release it would make is thrown away."""
    trained = settle_on_baseline(train_contenders(data, installation.system.ranking), installation.system.limits)
    with tempfile.TemporaryDirectory() as scratch:
        return build(installation, data, trained, moment, Path(scratch) / "release")


def build(
    installation: Installation,
    data: Dataset,
    trained: Trained,
    moment: datetime,
    folder: Path,
    embedded: Embedded | None = None,
) -> Verdict:
    """Build a release folder from a training run, and ask every gate about it; nothing is published."""
    system, ranking = installation.system, installation.system.ranking
    judged = data.matrix[trained.rows["judge"]]
    scores = trained.scores[trained.winner]
    reference = Reference.of(judged, trained.features, scores)
    drawn = evidently_report.frame(judged, trained.features, scores)
    items = newest_descriptions(installation.lake, ranking.shelves, moment)
    lists = build_popular_lists(data.frame, items, ranking.shelves, moment)
    policy = policy_json.to_json(system.policy) if system.policy else b"{}"
    build_release(
        folder,
        trained,
        data,
        system.features,
        ranking,
        lists,
        policy,
        version=installation.registry.next_version(),
        created_at=moment,
        embedded=embedded,
        extra={REFERENCE: reference.to_json(), REFERENCE_ROWS: evidently_report.kept(drawn)},
    )
    live = installation.registry.live()
    return judge_candidate(
        trained,
        data,
        ranking,
        system.features,
        system.limits,
        folder,
        live=installation.registry.folder(live) if live else None,
        **batches(installation, moment),
    )


def batches(installation: Installation, moment: datetime) -> dict[str, Any]:
    """How the batches behind a training set stand: what of them still waits, and since when.

    The days are those that the set is made of, whenever their files were taken in and whatever was mended since.
    """
    last = (moment - timedelta(microseconds=1)).date()
    found = standing(
        installation.lake, installation.system.tables, last - timedelta(days=installation.history_days - 1), last
    )
    return {"refused_batches": found.refused, "quarantined_share": found.share, "waiting_since": found.since}


def _timed(data: Dataset, ranking: Ranking, target: str) -> tuple[Trained, tuple[datetime, datetime]]:
    """A training with when it began and ended, by the clock on the wall: replayed events are trained on now, too."""
    began = datetime.now(UTC)
    return train_contenders(data, ranking, target=target), (began, datetime.now(UTC))


def _folder(installation: Installation) -> Path:
    return installation.settings.home / "candidates" / installation.system.name / "release"
