"""Deliveries in any order, cut and repetition, days in any runs: the same tables, states and training rows."""

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.prove.harbour import CALLS, Outcomes, arriving, cut, difference, done, straight, varied
from validation.definition import RECEIPT_TOLERANCE

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture(scope="module")
def expected(spark: "SparkSession", tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    """What comes out when everything is taken in as it arrives, and all days are published in one run."""
    return done(spark, tmp_path_factory.mktemp("straight"), straight(arriving()))


def test_deliveries_and_runs_in_any_order_give_the_same_rows(
    expected: Outcomes, spark: "SparkSession", tmp_path_factory: pytest.TempPathFactory
) -> None:
    """`python -m tests.prove arrival` tries many more."""
    result = done(spark, tmp_path_factory.mktemp("varied"), varied(arriving(), seed=101))
    assert difference(expected, result) is None


def test_days_cut_into_other_runs_give_the_same_rows(
    expected: Outcomes, spark: "SparkSession", tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Some events wait longer for a description than a run of the last days looks back."""
    result = done(spark, tmp_path_factory.mktemp("cut"), cut(arriving(), 10))
    assert difference(expected, result) is None


def test_the_rows_are_of_every_kind(expected: Outcomes) -> None:
    calls, ships = expected.tables["calls"], expected.tables["ships"]
    described = ships.groupby("ship")["known"].min().reindex(calls["ship"]).set_axis(calls.index)
    assert (described - calls["known"] > np.timedelta64(7, "D")).any(), "waits too long"
    arrivals = {row.row["call"]: row for row in arriving() if row.table is CALLS}
    early = [row.row["known"] and row.at - row.row["known"] > RECEIPT_TOLERANCE for row in arrivals.values()]
    assert 5 < sum(map(bool, early)) < len(calls) / 2, "say they were received long before they arrived"
    assert expected.training.frame["late"].nunique() == 2
