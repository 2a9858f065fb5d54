"""Gates for CI: train, ask every gate, register nothing."""

from datetime import date

from orchestration.freshness import freshness_to_train_with
from orchestration.labels import label_versions_of_history
from orchestration.release_inputs import verdict_on
from orchestration.system import Installation
from training.rows import build_training_set
from validation.verdict import Verdict


def verdict_of_day(installation: Installation, day: date) -> Verdict:
    """What the gates say of the ranker that would be trained as of a day's end, from what is in the lake."""
    task, features = installation.system.task, installation.system.features
    versions = label_versions_of_history(installation, day)
    freshness = freshness_to_train_with(installation)
    dataset = build_training_set(versions, installation.store, features, task, freshness)
    return verdict_on(installation, dataset, installation.as_of(day))
