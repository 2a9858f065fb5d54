"""Predictions that do not happen are told, by slice; those that do are not. The same for the merit of a slice."""

import numpy as np
import pandas as pd
import pytest

from monitoring import calibration, slice_merit
from monitoring.definition import Watch
from monitoring.reference import Reference
from monitoring.slices import parts_of
from training.objectives import Classify, Rank, Regress

WATCH = Watch(critical=(), min_drift_rows=500)
RANK = Rank()


def rows(seed: int = 0, times: float = 1.0, only_in: str = "") -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Pages of ten; what happens is `times` as likely as predicted, in one region or everywhere."""
    rng, count = np.random.default_rng(seed), 12_000
    score = rng.beta(2, 8, count)
    region = np.array(["north", "south"])[np.arange(count) // 10 % 2]
    chance = np.where((region == only_in) | (not only_in), score * times, score)
    frame = pd.DataFrame({
        "label": (rng.random(count) < chance).astype(float), "score": score, "unit": np.arange(count) // 10,
        "cluster": np.arange(count) // 40, "release": "7", "served_by": "full",
    })  # fmt: skip
    return frame, {"region": region}


def test_what_happens_as_often_as_predicted_raises_nothing() -> None:
    found = calibration.measure(*rows(), WATCH, RANK)
    assert [each.where for each in found] == ["all", "region=north", "region=south"]
    assert not any(each.off for each in found)


def test_predictions_that_are_off_in_one_region_name_it() -> None:
    found = calibration.measure(*rows(times=0.4, only_in="south"), WATCH, RANK)
    assert [each.where for each in found if each.off] == ["region=south"]
    assert "was predicted" in found[-1].says()


def test_rows_by_lot_weigh_what_they_stand_for() -> None:
    frame, slices = rows()
    kept = frame["label"].gt(0) | (np.random.default_rng(1).random(len(frame)) < 0.1)
    lot = frame[kept].assign(weight=np.where(frame["label"][kept] > 0, 1.0, 10.0))
    words = {name: values[kept.to_numpy()] for name, values in slices.items()}
    assert not any(each.off for each in calibration.measure(lot, words, WATCH, Classify()))
    assert any(each.off for each in calibration.measure(lot.drop(columns="weight"), words, WATCH, Classify()))


@pytest.mark.parametrize("shift", [0.0, 1.0], ids=["numbers", "scores that are no chances"])
def test_scores_that_are_no_chances_are_not_measured(shift: float) -> None:
    frame, slices = rows()
    objective = RANK if shift else Regress(base="route", sequence="trip")
    assert calibration.measure(frame.assign(score=frame["score"] + shift), slices, WATCH, objective) == []


def reference() -> Reference:
    """What the release measured when it was judged, in each region."""
    frame, slices = rows(seed=5)
    matrix = frame[["score"]].to_numpy(dtype=np.float32)
    everything = {"region": np.full(len(frame), "x")}
    parts = parts_of(slices)
    merits = {}
    for name, places in parts.items():
        of_part = Reference.of(matrix[places], ("score",)).with_slices(
            matrix[places], None, {"region=x": np.arange(len(places))}, merits={"region=x": (0.0, 0.0)}
        )
        words = {"region": everything["region"][: len(places)]}
        found = slice_merit.measure(frame.iloc[places], words, "7", of_part, WATCH, RANK)["region=x"]
        merits[name] = (found.merit, found.error)
    return Reference.of(matrix, ("score",)).with_slices(matrix, None, parts, merits=merits)


def test_a_slice_that_does_worse_than_it_was_judged_is_named_and_the_other_is_not() -> None:
    frame, slices = rows(seed=6)
    as_before = slice_merit.measure(frame, slices, "7", reference(), WATCH, RANK)
    assert {name: part.finding for name, part in as_before.items()} == dict.fromkeys(
        ("region=north", "region=south"), "as promised"
    )
    shuffled = frame.copy()
    south = slices["region"] == "south"
    shuffled.loc[south, "score"] = np.random.default_rng(2).permutation(shuffled.loc[south, "score"].to_numpy())
    found = slice_merit.measure(shuffled, slices, "7", reference(), WATCH, RANK)
    assert [name for name, part in found.items() if part.finding == "merit drop"] == ["region=south"]
