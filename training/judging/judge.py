"""The evidence of a training run for the gates, and their verdict on the release it built."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from feature_repo import recipe
from feature_repo.definition import FeatureSet
from infra.manifest import verify
from training.definition import LEAK_ROWS, Task
from training.fitting import Trained, acts_from, as_judged, judged_part, load_contender
from training.judging.leak_evidence import against_leaks
from training.judging.replayed import Replay
from training.rows import Dataset
from validation.definition import GateLimits
from validation.gates import (
    DataFacts,
    GateEvidence,
    PerturbationEvidence,
    SliceEvidence,
    baseline_gate,
    judge_evidence,
)
from validation.verdict import Verdict

LIVE, BEST = "live", "best"


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """A training run as it is judged: what was trained, on which rows, by which definitions."""

    trained: Trained
    dataset: Dataset
    task: Task
    features: FeatureSet


@dataclass(frozen=True, slots=True)
class BatchesBehind:
    """How the batches behind a training set fared at intake.

    waiting_since  the days of arrival of the rows that wait in quarantine
    """

    refused: int = 0
    quarantined_share: float = 0.0
    waiting_since: tuple[date, ...] = ()


@dataclass(frozen=True, slots=True)
class BestRelease:
    """The best release that was live: its version, and its files where they are still to be had."""

    version: str
    folder: Path | None


def judge_candidate(
    run: TrainingRun,
    limits: GateLimits,
    release: Path,
    *,
    live: Path | None = None,
    best: BestRelease | None = None,
    live_verdict: Verdict | None = None,
    latency_ms: float | None = None,
    perturbation: PerturbationEvidence | None = None,
    replay: Replay | None = None,
    batches: BatchesBehind = BatchesBehind(),
) -> Verdict:
    """The verdict of all gates on a built release.

    live        folder of the release that is live now, scored on the same rows
    best        the best release that was live, scored on them too where it is another one
    live_verdict  what the gates said of the live release
    latency_ms  how long scoring one request takes, where a limit is set
    perturbation  the proof on a sample of rows, where a limit is set
    replay      makes rows of the training set again as serving makes them; without it the gate `served` refuses
    """
    gate_evidence = evidence(run, limits, release, live, facts(run, batches), best)
    gate_evidence = against_leaks(
        gate_evidence, run.trained, run.dataset, run.task, run.features, limits, live_verdict, replay
    )
    return judge_evidence(replace(gate_evidence, latency_ms=latency_ms, perturbation=perturbation), limits)


def settle_on_baseline(trained: Trained, limits: GateLimits) -> Trained:
    """The run with the contender that passes the baseline gate: its winner, else the simplest that nothing beats.

    A model that is not clearly better than a baseline is not released. The baseline is, so that there is a release.
    """
    for name in dict.fromkeys((trained.winner, *trained.evaluations)):
        finding = baseline_gate(_comparison(trained, name), limits)
        if finding.passed:
            why = finding.reason if name in limits.must_beat else trained.why
            return replace(trained, winner=name, why=why)
    return trained


def _comparison(trained: Trained, candidate: str) -> GateEvidence:
    """How the contenders did on the judge units, with one of them to be released."""
    objective = trained.objective
    return GateEvidence(
        features=(),
        candidate=candidate,
        objective=objective.kind,
        merit=objective.merit,
        merits={name: evaluation.merits for name, evaluation in trained.evaluations.items()},
        perfect=objective.perfect(trained.judged),
        clusters=trained.judged.owner,
    )


def evidence(
    run: TrainingRun,
    limits: GateLimits,
    release: Path,
    live: Path | None,
    data: DataFacts,
    best: BestRelease | None = None,
) -> GateEvidence:
    """The evidence for one release."""
    trained, dataset = run.trained, run.dataset
    manifest, comparison = verify(release), _comparison(trained, trained.winner)
    rows = np.sort(np.concatenate(list(trained.rows.values())))
    rows = rows[:: max(1, len(rows) // LEAK_ROWS)]
    merits, version = dict(comparison.merits), None
    if live is not None:
        version = verify(live).version
        merits |= _of_release(LIVE, live, run)
        if best is not None and best.folder is not None and best.version != version:
            merits |= _of_release(BEST, best.folder, run)
    measures = trained.evaluations[trained.winner].measures
    calibration = measures.get(trained.objective.calibration)
    return replace(
        comparison,
        features=_defined(run.features, dataset),
        data=data,
        lineage=dataset.lineage,
        values=dataset.matrix[rows],
        label=happened(dataset, run.task, trained.target, rows),
        merits=merits,
        measures={name: (m.value, m.low, m.high) for name, m in measures.items()},
        live=version,
        live_contender=LIVE,
        best=best.version if best else None,
        best_contender=BEST,
        calibration_error=calibration.value if calibration else None,
        calibrated=bool(trained.objective.calibration),
        probabilistic=trained.fitted[trained.winner].probabilistic,
        slices=tuple(_slices(trained, limits)),
        exposures=of_winner.parts if (of_winner := trained.exposures.get(trained.winner)) else (),
        features_digest=recipe.digest(recipe.recipe_of(run.features)),
        model_features=manifest.features,
        model_digest=manifest.features_digest,
        subject=manifest.digest,
    )


def facts(run: TrainingRun, batches: BatchesBehind) -> DataFacts:
    """What went into the training set."""
    rows = np.concatenate(list(run.trained.rows.values()))
    frame = run.dataset.frame.iloc[rows]
    return DataFacts(
        rows=len(rows),
        units=int(frame[run.task.unit].nunique()),
        positive_share=float(happened(run.dataset, run.task, run.trained.target, rows).mean()),
        refused_batches=batches.refused,
        quarantined_share=batches.quarantined_share,
        waiting_since=batches.waiting_since,
    )


def _defined(features: FeatureSet, dataset: Dataset) -> tuple[str, ...]:
    """The defined features, then those that only the training set has: the leakage gate looks at them too."""
    names = tuple(f.name for f in features.features)
    return (*names, *(name for name in dataset.features if name not in names))


def _slices(trained: Trained, limits: GateLimits) -> Iterator[SliceEvidence]:
    """Each slice with the candidate's and the first baseline's merits."""
    of_winner = trained.evaluations[trained.winner].slices
    baseline = trained.evaluations.get(limits.baselines[0]) if limits.baselines else None
    for slicing, parts in of_winner.items():
        for word, evaluation in parts.items():
            if baseline is not None:
                yield SliceEvidence(f"{slicing}={word}", evaluation.merits, baseline.slices[slicing][word].merits)


def _of_release(name: str, release: Path, run: TrainingRun) -> dict[str, NDArray[Any]]:
    """An earlier release's merits on the same rows; nothing when it reads features that the training set lacks."""
    dataset, trained = run.dataset, run.trained
    wanted = verify(release).features
    if not set(wanted) <= set(dataset.features):
        return {}
    columns = [dataset.features.index(feature) for feature in wanted]
    matrix = as_judged(dataset, run.task, trained.rows["judge"])
    scores = load_contender(release).scores(np.ascontiguousarray(matrix[:, columns]))
    return {name: trained.objective.merits(trained.judged, scores, acts_from(release))}


def happened(dataset: Dataset, task: Task, target: str, rows: NDArray[Any]) -> NDArray[Any]:
    """(rows,) whether the target happened on some rows; of a number, whether it is above what was expected."""
    return task.objective.happened(judged_part(dataset, task, target, rows))
