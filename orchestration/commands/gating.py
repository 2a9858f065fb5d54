"""Gates for CI: train, ask every gate, register nothing."""

import tempfile
from datetime import date, datetime, timedelta
from pathlib import Path

from orchestration.release_inputs import release_inputs
from orchestration.system import Installation
from training.fitting import train_contenders
from training.judging import settle_on_baseline
from training.release import build_and_judge
from training.rows import Dataset, build_dataset, build_labels
from validation.gates import Verdict


def verdict_of_day(installation: Installation, day: date) -> Verdict:
    """What the gates say of the ranker that would be trained as of a day's end, from what is in the lake."""
    first = day - timedelta(days=installation.history_days - 1)
    ranking, features = installation.system.ranking, installation.system.features
    rows = build_labels(
        installation.spark,
        installation.lake,
        ranking,
        features,
        installation.tables,
        installation.as_of(day),
        first,
        day,
    )
    return verdict_on(
        installation,
        build_dataset(rows, installation.store, features, ranking, installation.lake),
        installation.as_of(day),
    )


def verdict_on(installation: Installation, data: Dataset, moment: datetime) -> Verdict:
    """What the gates say of a ranker trained on this set; the release it would make is thrown away."""
    trained = settle_on_baseline(train_contenders(data, installation.system.ranking), installation.system.limits)
    with tempfile.TemporaryDirectory() as scratch:
        return build_and_judge(release_inputs(installation), data, trained, moment, Path(scratch) / "release")
