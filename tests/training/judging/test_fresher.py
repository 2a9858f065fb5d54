"""What fresher states would be worth to the same model, on the shop's judge rows."""

import numpy as np
from shop import TASK

from training.fitting.train import Trained
from training.judging import worth_of_fresher
from training.rows.dataset import Dataset


def test_states_that_say_more_are_worth_something_with_an_interval(shop: Dataset, trained: Trained) -> None:
    rows = trained.rows["judge"]
    stale = shop.matrix.copy()
    stale[:, shop.features.index("taste")] = np.nan
    served = Dataset(shop.frame, stale, shop.features, shop.lineage, shop.neutral, "")
    worth = worth_of_fresher(trained, served, TASK, shop.matrix[rows])
    assert worth.gain.low > 0
    assert np.isclose(worth.as_published.mean - worth.as_served.mean, worth.gain.mean)
    promised = trained.evaluations[trained.winner].measures[TASK.objective.merit].value
    assert np.isclose(worth.as_published.mean, promised), "the figure of the report itself"


def test_states_that_are_the_same_are_worth_nothing(shop: Dataset, trained: Trained) -> None:
    worth = worth_of_fresher(trained, shop, TASK, shop.matrix[trained.rows["judge"]])
    assert (worth.gain.mean, worth.gain.low, worth.gain.high) == (0, 0, 0)
