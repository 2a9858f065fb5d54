"""People taken out of a stored training set: the rest stays the set that it was."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from infra.freshness import Freshness
from infra.lake import Lake
from training.rows import AT, dataset_of, load_dataset, remove_people_from_sets, save_dataset
from training.rows.dataset import Dataset

NOON = datetime(2026, 5, 3, 12, 0, tzinfo=UTC)
HOURLY = Freshness(every_s=3600.0, after_s=60.0, phase_s=0.0, basis="measured")


def rows_of(*users: str) -> Dataset:
    """A row a user, an hour apart, joined with states of the last full hour."""
    times = pd.to_datetime([NOON + timedelta(hours=i) for i in range(len(users))]).astype("datetime64[us, UTC]")
    frame = pd.DataFrame({"user": list(users), AT: times})
    made = dataset_of(frame, np.ones((len(users), 1), np.float32), ("likes",), (), {})
    return Dataset(made.frame, made.matrix, made.features, (), {}, made.digest, freshness=HOURLY)


def test_the_rest_of_a_set_is_as_fresh_as_the_set_was(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    save_dataset(lake, "docks", rows_of("u1", "u2", "u1", "u3"))
    assert remove_people_from_sets(lake, "user", {"u1"}) == 2
    rest = load_dataset(lake, "docks")
    assert rest.frame["user"].tolist() == ["u2", "u3"]
    assert rest.freshness == HOURLY, "what is trained on it is judged with states of this age"


def test_a_file_that_a_cut_off_removal_left_behind_goes_with_the_next_one(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    save_dataset(lake, "docks", rows_of("u1", "u2"))
    (before,) = lake.files("training_sets/docks")
    content = before.read_bytes()
    remove_people_from_sets(lake, "user", {"u1"})
    before.write_bytes(content)  # the process ended after the new file counted, and before the old one was removed
    assert remove_people_from_sets(lake, "user", {"u1"}) == 0
    assert not before.exists()
    assert load_dataset(lake, "docks").frame["user"].tolist() == ["u2"]
