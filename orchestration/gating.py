"""Gates without a registry: train on a training set, ask every gate, leave nothing behind."""

import tempfile
from datetime import date
from pathlib import Path

from orchestration import candidate
from orchestration.system import Installation
from training.dataset import Dataset
from training.train import train
from validation.verdict import Verdict


def verdict_on(at: Installation, data: Dataset, day: date | None = None) -> Verdict:
    """What the gates say of a ranker trained on this set; the release it would make is thrown away."""
    trained = train(data, at.system.ranking)
    with tempfile.TemporaryDirectory() as scratch:
        moment = at.as_of(day) if day else at.now()
        return candidate.build(at, data, trained, moment, Path(scratch) / "release")
