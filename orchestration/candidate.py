"""The candidate: what a training run brings forth, before it has a version anywhere."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from monitoring import evidently_report
from monitoring.reference import Reference
from orchestration import latency, retrieval
from orchestration.system import Installation
from serving import definition
from training import judge, release, report, shelves
from training.dataset import Dataset
from training.definition import Ranking
from training.embedded import Embedded
from training.report import Report
from training.train import Trained, as_served, train
from validation.errors import NotProven
from validation.standing import standing
from validation.verdict import Verdict
from validation.whole import whole

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
    def report(self) -> Report:
        """The report as the registry wants it."""
        f = self.figures
        return Report(f.run_id, f.metrics, f.metrics[f.winner], Path(f.report))

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
    def load(cls, at: Installation) -> "Candidate":
        """The newest candidate; raises NotProven when there is none or a gate refused it."""
        folder = _folder(at)
        if not (folder.parent / "verdict.json").exists():
            raise NotProven(f"{at.system.name}: there is no candidate. Train one (`flywheel run train`).")
        verdict = Verdict.from_json((folder.parent / "verdict.json").read_bytes())
        if not verdict.passed:
            raise NotProven(f"{at.system.name}: the newest candidate was refused: {'; '.join(verdict.reasons())}")
        figures = msgspec.json.decode((folder.parent / "figures.json").read_bytes(), type=Figures)
        return cls(folder, verdict, figures)


def make(at: Installation, data: Dataset, moment: datetime) -> Candidate:
    """Train, judge and build a release from a training set, and record the run; what was refused is recorded too."""
    ranking = at.system.ranking
    (_folder(at).parent / "verdict.json").unlink(missing_ok=True)  # until the new one is whole there is no candidate
    runs = {target: _timed(data, ranking, target) for target in (ranking.target, *ranking.also)}
    trained, took = runs.pop(ranking.target)
    trained = judge.settled(trained, at.system.limits)
    folder = _folder(at)
    embedded = retrieval.embedded(at, data, trained, moment)
    verdict = build(at, data, trained, moment, folder, embedded)
    if embedded is not None:
        retrieval.keep(embedded, folder)
    found = embedded.measures if embedded else {}
    told = report.log(at.settings, trained, data, ranking, moment, found, took)
    for run, times in runs.values():
        report.log(at.settings, run, data, ranking, moment, took=times)
    metrics = {target: run.metrics() for target, (run, _) in runs.items()}
    figures = Figures(trained.metrics(), metrics, trained.winner, told.run_id, str(told.folder), dict(found))
    (folder.parent / "figures.json").write_bytes(msgspec.json.encode(figures))
    with whole(folder.parent / "verdict.json") as draft:
        draft.write_text(verdict.to_json())
    return Candidate(folder, verdict, figures)


def build(
    at: Installation,
    data: Dataset,
    trained: Trained,
    moment: datetime,
    folder: Path,
    embedded: Embedded | None = None,
) -> Verdict:
    """Build a release folder from a training run, and ask every gate about it; nothing is published."""
    system, ranking = at.system, at.system.ranking
    judged = data.matrix[trained.rows["judge"]]
    scores = trained.scores[trained.winner]
    reference = Reference.of(judged, trained.features, scores)
    drawn = evidently_report.frame(judged, trained.features, scores)
    items = shelves.newest_descriptions(at.lake, ranking.shelves, moment)
    lists = shelves.lists(data.frame, items, ranking.shelves, moment)
    policy = definition.to_json(system.policy) if system.policy else b"{}"
    release.build(
        folder,
        trained,
        data,
        system.features,
        ranking,
        lists,
        policy,
        version=at.registry.next_version(),
        created_at=moment,
        embedded=embedded,
        extra={REFERENCE: reference.to_json(), REFERENCE_ROWS: evidently_report.kept(drawn)},
    )
    live, timed = at.registry.live(), system.limits.max_latency_ms is not None
    return judge.judge(
        trained,
        data,
        ranking,
        system.features,
        system.limits,
        folder,
        live=at.registry.folder(live) if live else None,
        latency_ms=latency.scoring_ms(folder, as_served(judged, data, ranking)) if timed else None,
        **batches(at, moment),
    )


def batches(at: Installation, moment: datetime) -> dict[str, Any]:
    """How the batches behind a training set stand: what of them still waits, and since when.

    The days are those that the set is made of, whenever their files were taken in and whatever was mended since.
    """
    last = (moment - timedelta(microseconds=1)).date()
    found = standing(at.lake, at.system.tables, last - timedelta(days=at.history_days - 1), last)
    return {"refused_batches": found.refused, "quarantined_share": found.share, "waiting_since": found.since}


def _timed(data: Dataset, ranking: Ranking, target: str) -> tuple[Trained, tuple[datetime, datetime]]:
    """A training with when it began and ended, by the clock on the wall: replayed events are trained on now, too."""
    began = datetime.now(UTC)
    return train(data, ranking, target=target), (began, datetime.now(UTC))


def _folder(at: Installation) -> Path:
    return at.settings.home / "candidates" / at.system.name / "release"
