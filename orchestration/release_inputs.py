"""What training needs from an installation to make a release: places, policy, and the reference for drift."""

import tempfile
from datetime import datetime
from functools import partial
from pathlib import Path

import numpy as np

from infra.arrays import AnyArray, Float32s
from monitoring import evidently_report
from monitoring.definition import PLAIN, Watch
from monitoring.outcomes import SIDE
from monitoring.reference import Reference
from monitoring.slices import parts_of
from orchestration.latency import scoring_ms
from orchestration.served_again import replay_of
from orchestration.system import Installation
from serving import policy_json
from training.fitting import Trained, train_contenders
from training.judging import settle_on_baseline
from training.release import Candidate, ReleaseInputs, build_and_judge
from training.rows import AT, Dataset, known_online
from validation.verdict import Verdict

REFERENCE = "reference.json"  # distributions of inputs and scores on the judge rows: drift is measured against them
REFERENCE_ROWS = "reference_rows.parquet"  # a sample of the judge rows: the drift page draws them


def release_inputs(installation: Installation) -> ReleaseInputs:
    """Everything but the training set."""
    system = installation.system
    return ReleaseInputs(
        settings=installation.settings,
        system=system.name,
        lake=installation.lake,
        registry=installation.registry,
        task=system.task,
        features=system.features,
        tables=system.tables,
        limits=system.limits,
        history_days=installation.history_days,
        policy=policy_json.to_json(system.policy) if system.policy else b"{}",
        scoring_ms=scoring_ms,
        replay=replay_of(installation),
        as_published=partial(as_published, installation),
        extra=partial(reference_files, watch=system.watch or PLAIN, user=system.task.cluster),
    )


def as_published(installation: Installation, data: Dataset, rows: AnyArray) -> Float32s:
    """Rows of a training set joined with states as they were published when each was shown."""
    frame = data.frame.iloc[rows]
    return known_online(frame, frame[AT], installation.store, installation.system.features)


def newest_candidate(installation: Installation) -> Candidate:
    """The newest candidate; raises NotProven when there is none or a gate refused it."""
    return Candidate.load(installation.settings, installation.system.name)


def reference_files(data: Dataset, trained: Trained, watch: Watch, user: str) -> dict[str, bytes]:
    """The judged rows as monitoring compares with them, by file name; `user` is the column that says whose they are."""
    judged = data.matrix[trained.rows["judge"]]
    users = data.frame[user].to_numpy()[trained.rows["judge"]]
    scores = trained.scores[trained.winner]
    reference = Reference.of(judged, trained.features, scores, watch.bins, users).with_slices(
        judged, scores, parts_of(trained.judged.slices), users, trained.judged.truth, _merits(trained)
    )
    rows = evidently_report.frame(judged, trained.features, scores)
    return {REFERENCE: reference.to_json(), REFERENCE_ROWS: evidently_report.sample_as_parquet(rows, watch.report_rows)}


def _merits(trained: Trained) -> dict[str, tuple[float, float]]:
    """What the winner measured in each slice, and its standard error."""
    merit, figures = trained.objective.merit, {}
    for slicing, words in trained.evaluations[trained.winner].slices.items():
        for word, evaluation in words.items():
            value = evaluation.measures.get(merit)
            if value is not None and np.isfinite([value.value, value.low, value.high]).all():
                figures[f"{slicing}={word}"] = (value.value, (value.high - value.low) / (2 * SIDE))
    return figures


def verdict_on(installation: Installation, data: Dataset, moment: datetime) -> Verdict:
    """The gates' verdict on a ranker trained on this set; the release made for it is deleted."""
    trained = settle_on_baseline(train_contenders(data, installation.system.task), installation.system.limits)
    with tempfile.TemporaryDirectory() as scratch:
        return build_and_judge(release_inputs(installation), data, trained, moment, Path(scratch) / "release")
