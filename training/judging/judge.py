"""What a training run hands the gates, and what they say."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from feature_repo import recipe
from feature_repo.definition import FeatureSet
from infra.manifest import verify
from training.definition import Ranking
from training.fitting import Trained, as_served, load_contender
from training.measuring import ndcg, owners
from training.rows import Dataset
from validation.definition import GateLimits
from validation.gates import DataFacts, GateEvidence, SliceEvidence, baseline_gate, judge_evidence
from validation.verdict import Verdict

LEAK_ROWS = 50_000  # enough to see a leak; a look at every row of every feature would take minutes
LIVE = "live"


def judge_candidate(
    trained: Trained,
    dataset: Dataset,
    ranking: Ranking,
    features: FeatureSet,
    limits: GateLimits,
    release: Path,
    *,
    live: Path | None = None,
    latency_ms: float | None = None,
    refused_batches: int = 0,
    quarantined_share: float = 0.0,
    failures: tuple[str, ...] = (),
    waiting_since: tuple[date, ...] = (),
) -> Verdict:
    """The verdict of all gates on a built release.

    live        folder of the release that is live now, scored on the same rows
    latency_ms  what scoring one request takes, where a limit is set
    refused_batches, quarantined_share, failures, waiting_since   how the batches behind the training set fared
    """
    data = facts(trained, dataset, ranking, refused_batches, quarantined_share, failures, waiting_since)
    found = evidence(trained, dataset, ranking, features, limits, release, live, data)
    return judge_evidence(replace(found, latency_ms=latency_ms), limits)


def settle_on_baseline(trained: Trained, limits: GateLimits) -> Trained:
    """The run with the contender that the baseline gate lets pass: its winner, else the simplest that nothing beats.

    A model that is not clearly better than a baseline is no reason for it, and no reason to release nothing.
    """
    for name in dict.fromkeys((trained.winner, *trained.evaluations)):
        found = baseline_gate(_compared(trained, name), limits)
        if found.passed:
            why = found.reason if name in limits.baselines else trained.why
            return replace(trained, winner=name, why=why)
    return trained


def _compared(trained: Trained, candidate: str) -> GateEvidence:
    """How the contenders did on the judge groups, with one of them to be released."""
    judged = trained.judged
    ndcg = {name: evaluation.ndcg for name, evaluation in trained.evaluations.items()}
    clusters = owners(judged.group, judged.user, judged.groups)
    return GateEvidence(features=(), candidate=candidate, ndcg=ndcg, clusters=clusters)


def evidence(
    trained: Trained,
    dataset: Dataset,
    ranking: Ranking,
    features: FeatureSet,
    limits: GateLimits,
    release: Path,
    live: Path | None,
    data: DataFacts,
) -> GateEvidence:
    """The evidence for one release."""
    manifest, compared = verify(release), _compared(trained, trained.winner)
    rows = np.sort(np.concatenate(list(trained.rows.values())))
    rows = rows[:: max(1, len(rows) // LEAK_ROWS)]
    ndcg, version = dict(compared.ndcg), None
    if live is not None:
        version = verify(live).version
        ndcg |= _of_live(live, trained, dataset, ranking)
    calibration = trained.evaluations[trained.winner].measures.get("calibration_error")
    return GateEvidence(
        features=_defined(features, dataset),
        candidate=trained.winner,
        data=data,
        lineage=dataset.lineage,
        values=dataset.matrix[rows],
        label=dataset.frame[trained.target].to_numpy()[rows],
        ndcg=ndcg,
        clusters=compared.clusters,
        live=version,
        live_contender=LIVE,
        calibration_error=calibration.value if calibration else None,
        probabilistic=trained.fitted[trained.winner].probabilistic,
        slices=tuple(_slices(trained, limits)),
        features_digest=recipe.digest(recipe.recipe_of(features)),
        model_features=manifest.features,
        model_digest=manifest.features_digest,
        subject=manifest.digest,
    )


def facts(
    trained: Trained,
    dataset: Dataset,
    ranking: Ranking,
    refused_batches: int,
    quarantined_share: float,
    failures: tuple[str, ...],
    waiting_since: tuple[date, ...] = (),
) -> DataFacts:
    """What went into the training set."""
    rows = np.concatenate(list(trained.rows.values()))
    frame = dataset.frame.iloc[rows]
    positive = float(frame[trained.target].mean())
    groups = int(frame[ranking.group].nunique())
    return DataFacts(len(rows), groups, positive, refused_batches, quarantined_share, failures, waiting_since)


def _defined(features: FeatureSet, dataset: Dataset) -> tuple[str, ...]:
    """The defined features, and after them what the training set has beyond: it has to face the leakage gate too."""
    names = tuple(f.name for f in features.features)
    return (*names, *(name for name in dataset.features if name not in names))


def _slices(trained: Trained, limits: GateLimits) -> Iterator[SliceEvidence]:
    """Each slice with the candidate's and the first baseline's NDCG."""
    own = trained.evaluations[trained.winner].slices
    baseline = trained.evaluations.get(limits.baselines[0]) if limits.baselines else None
    for slicing, parts in own.items():
        for word, evaluation in parts.items():
            if baseline is not None:
                yield SliceEvidence(f"{slicing}={word}", evaluation.ndcg, baseline.slices[slicing][word].ndcg)


def _of_live(live: Path, trained: Trained, dataset: Dataset, ranking: Ranking) -> dict[str, NDArray[Any]]:
    """The live release's NDCG on the same rows; nothing when it reads features that are no longer made."""
    wanted = verify(live).features
    if not set(wanted) <= set(dataset.features):
        return {}
    columns = [dataset.features.index(name) for name in wanted]
    matrix = as_served(dataset.matrix[trained.rows["judge"]], dataset, ranking)
    scores = load_contender(live).scores(np.ascontiguousarray(matrix[:, columns]))
    judged = trained.judged
    return {LIVE: ndcg(judged.group, judged.gain, scores, ranking.top, judged.groups)}
