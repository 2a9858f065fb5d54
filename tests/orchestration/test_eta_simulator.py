"""The simulated city keeps its own law, and what it delivers keeps the contract."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from orchestration.sources.eta import City, Roads, World
from orchestration.sources.eta.roads import HOUR, PARKING

SMALL = City(days=8, trips_a_day=150, opens=5, drivers=40)
DAY = 86_400.0


@pytest.fixture(scope="module")
def world() -> World:
    return World(SMALL)


def left(world: World) -> np.ndarray:
    """The minutes that were left at each update."""
    return (world.trips.arrived[world.updates.trip] - world.updates.at) / 60


def base(world: World) -> np.ndarray:
    return world.roads.ways[0][world.updates.here, world.trips.goal[world.updates.trip]]


def test_the_same_seed_makes_the_same_city_and_another_seed_another(world: World) -> None:
    again, other = World(SMALL), World(replace(SMALL, seed=6))
    for (table, rows), (_, same) in zip(world.tables, again.tables, strict=True):
        assert rows.equals(same), table.name
    assert not np.array_equal(left(world)[:50], left(other)[:50])


def test_what_is_delivered_keeps_every_promise_of_the_contract(world: World) -> None:
    for table, rows in world.tables:
        frame = rows.to_pandas()
        assert not frame.duplicated(list(table.identity)).any(), table.name
        for column in table.columns:
            values = frame[column.name]
            assert column.nullable or values.notna().all(), column.name
            assert column.low is None or not (values < column.low).any(), column.name
            assert column.high is None or not (values > column.high).any(), column.name
        for rule in table.rules:
            assert frame.eval(rule.holds, engine="python").all(), rule.name


def test_every_day_of_receipt_has_its_files(world: World, tmp_path: Path) -> None:
    delivered = world.deliver(tmp_path, first=2, days=2)
    assert [path.name for path in sorted((tmp_path / "updates").iterdir())] == [
        "2026-03-04.parquet",
        "2026-03-05.parquet",
    ]
    assert delivered["arrivals"].received > 0


def test_nobody_is_faster_than_an_empty_road(world: World) -> None:
    here, goal = np.array([0, 3, 7]), np.array([19, 12, 8])
    midnight = np.full(3, DAY * 3)
    minutes = world.roads.expected(here, goal, midnight, np.ones(3))
    assert (minutes >= world.roads.ways[0][here, goal] + PARKING - 1e-9).all()


def test_a_way_is_no_longer_than_a_detour(world: World) -> None:
    minutes = world.roads.ways[0]
    assert (minutes <= (minutes[:, :, None] + minutes[None]).min(axis=1) + 1e-9).all()


def test_rush_hours_are_slow_on_weekdays_and_sundays_have_none() -> None:
    calm = Roads(replace(SMALL, incidents_a_day=0.0))
    way = np.array([0]), np.array([19])
    at = {name: np.array([when * HOUR]) for name, when in (("rush", 17.5), ("night", 3.0), ("sunday", 6 * 24 + 17.5))}
    minutes = {name: calm.expected(*way, moment, np.ones(1))[0] for name, moment in at.items()}
    assert minutes["rush"] > 1.3 * minutes["night"]
    assert minutes["rush"] > 1.1 * minutes["sunday"]


def test_whoever_knows_the_law_errs_by_chance_alone(world: World) -> None:
    of_law, of_base = np.abs(world.expected() - left(world)).mean(), np.abs(base(world) - left(world)).mean()
    assert of_law < of_base / 4
    assert abs((world.expected() - left(world)).mean()) < 0.2, "the law is not biased"


def test_updates_of_a_trip_come_in_time_and_nearer_to_its_goal(world: World) -> None:
    order = np.lexsort((world.updates.at, world.updates.trip))
    same = np.diff(world.updates.trip[order]) == 0
    assert (np.diff(world.updates.at[order])[same] > 0).all()
    assert (np.diff(base(world)[order])[same] < 0).all()


def test_new_zones_get_no_trip_before_they_open(world: World) -> None:
    new = world.trips.goal >= SMALL.zones - SMALL.new_zones
    assert new.any()
    assert (world.trips.at[new] >= SMALL.opens * DAY).all()


def test_dug_up_roads_change_nothing_before_their_day_and_make_it_slower_after(world: World) -> None:
    turned = World(replace(SMALL, turns=6))
    before = world.trips.arrived < 6 * DAY
    assert np.array_equal(world.trips.arrived[before], turned.trips.arrived[before])
    after = world.trips.at >= 6 * DAY
    slower = (turned.trips.arrived - turned.trips.at)[after].mean() / (world.trips.arrived - world.trips.at)[
        after
    ].mean()
    assert slower > 1.2
