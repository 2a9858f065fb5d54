"""What the tests of training share: a shop's rows, and the contenders trained on them once."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))  # where `shop` is found

from shop import RANKING, made  # noqa: E402

from training import train  # noqa: E402
from training.dataset import Dataset  # noqa: E402
from training.train import Trained  # noqa: E402


@pytest.fixture(scope="session")
def shop() -> Dataset:
    """Rows that only a model of interactions understands."""
    return made()


@pytest.fixture(scope="session")
def trained(shop: Dataset) -> Trained:
    """All contenders, trained on the shop."""
    return train.train(shop, RANKING)
