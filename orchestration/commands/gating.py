"""Gates for CI: train, ask every gate, register nothing."""

import tempfile
from datetime import date, datetime, timedelta
from pathlib import Path

from orchestration import candidate
from orchestration.system import Installation
from training.fitting import train_contenders
from training.judging import settle_on_baseline
from training.rows import Dataset, build_dataset, build_labels
from validation.gates import Verdict


def verdict_of_day(at: Installation, day: date) -> Verdict:
    """What the gates say of the ranker that would be trained as of a day's end, from what is in the lake."""
    first = day - timedelta(days=at.history_days - 1)
    ranking, features = at.system.ranking, at.system.features
    rows = build_labels(at.spark, at.lake, ranking, features, at.tables, at.as_of(day), first, day)
    return verdict_on(at, build_dataset(rows, at.store, features, ranking, at.lake), at.as_of(day))


def verdict_on(at: Installation, data: Dataset, moment: datetime) -> Verdict:
    """What the gates say of a ranker trained on this set; the release it would make is thrown away."""
    trained = settle_on_baseline(train_contenders(data, at.system.ranking), at.system.limits)
    with tempfile.TemporaryDirectory() as scratch:
        return candidate.build(at, data, trained, moment, Path(scratch) / "release")
