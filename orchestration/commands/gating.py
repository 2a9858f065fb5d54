"""Gates for CI: train, ask every gate, register nothing."""

from datetime import date, timedelta

from orchestration.release_inputs import verdict_on
from orchestration.system import Installation
from training.rows import build_dataset, build_labels
from validation.verdict import Verdict


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
