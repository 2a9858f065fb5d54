"""Deliveries in any order, cut and repetition, days in any runs: the same tables, states and training rows."""

from typing import TYPE_CHECKING

import pytest

from tests.prove.harbour import Outcomes, arriving, difference, done, straight, varied

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture(scope="module")
def expected(spark: "SparkSession", tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    """What comes out when everything is taken in as it arrives, and all days are published in one run."""
    return done(spark, tmp_path_factory.mktemp("straight"), straight(arriving()))


@pytest.mark.parametrize("seed", [101, 102])
def test_deliveries_and_runs_in_any_order_give_the_same_rows(
    seed: int, expected: Outcomes, spark: "SparkSession", tmp_path_factory: pytest.TempPathFactory
) -> None:
    """`python -m tests.prove arrival` tries many more."""
    found = done(spark, tmp_path_factory.mktemp("varied"), varied(arriving(), seed))
    assert difference(expected, found) is None


def test_the_rows_are_of_every_kind(expected: Outcomes) -> None:
    calls = expected.tables["calls"]
    assert (calls["known"] - calls["at"]).dt.days.max() >= 2, "some were received late"
    ships = set(expected.states["by_ship"]["ship"])
    assert 0 < len(ships) < calls["ship"].nunique(), "some ships were described too late to count"
    assert expected.training.frame["late"].nunique() == 2
