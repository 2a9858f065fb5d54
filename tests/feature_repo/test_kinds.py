"""Kinds of features beyond counters: what each says by hand, also of the unknown, in serving and in training alike."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest

from feature_repo.assembly import assemble
from feature_repo.definition import CounterView, FeatureSet, ProfileView, Signal
from feature_repo.from_frame import inputs_from_frame
from feature_repo.recipe import digest, read_recipe, recipe_of
from feature_repo.request_time import (
    Against,
    Code,
    Counters,
    Distance,
    Feature,
    Holiday,
    Hour,
    Inputs,
    Match,
    Number,
    Plain,
    Recent,
    Since,
    Weekday,
)
from feature_repo.systems.home_feed import HOME_FEED_FEATURES

NOW = datetime(2026, 12, 25, 18, tzinfo=UTC)  # a Friday
NOW_S = NOW.timestamp()
NAN = float("nan")
FEATURES: tuple[Feature, ...] = (
    Plain("base", "route_minutes"),
    Plain("cold", "weather.celsius"),
    Number("amount", "amount"),
    Since("open_h", "shop.opened_at"),
    Since("asked_h", "asked_at", "due_at"),
    Against("against_mean", "amount", "card.spent_1d", per="card.paid_1d"),
    Against("against_prior", "amount", "card.spent_1d", per="card.paid_1d", prior=50.0, strength=2.0),
    Against("against_usual", "amount", "shop.usual"),
    Against("against_count", "route_minutes", "card.paid_1d"),
    Weekday("weekday"),
    Weekday("due_weekday", "due_at"),
    Hour("due_hour", "due_at"),
    Holiday("holiday", (date(2026, 12, 25), date(2027, 1, 1))),
    Holiday("due_holiday", (date(2026, 12, 25),), "due_at"),
    Distance("way_km", "shop.lat", "shop.lon", "lat", "lon"),
    Code("sector", ("food", "games"), of="shop.sector"),
    Match("at_home", "country", "shop.country"),
    Recent("paid_60s", "payments", "card_id", 60),
)
NAMES = [f.name for f in FEATURES]
SHOP = {
    "opened_at": ("Int64", "opened"), "usual": ("Float32", "usual"), "lat": ("Float64", "lat"),
    "lon": ("Float64", "lon"), "sector": ("String", "sector"), "country": ("String", "country"),
}  # fmt: skip
BANK = FeatureSet(
    "bank", 1, "us", {"card_id": "who", "shop_id": "where", "zone": "weather of"}, (),
    (Signal("paid", "payments", "a payment"), Signal("spent", "payments", "euros", weight="amount")),
    (CounterView("card", ("card_id",), {"paid": ("1d",), "spent": ("1d",)}, "a card"),),
    (
        ProfileView("shop", "shops", ("shop_id",), SHOP, "a shop"),
        ProfileView("weather", "weather", ("zone",), {"celsius": ("Float32", "celsius")}, "the weather"),
    ), FEATURES,
)  # fmt: skip
FIELDS: dict[str, Any] = {
    "weather.celsius": -7.5, "shop.opened_at": int(NOW_S) - 36 * 3600, "shop.usual": 20.0, "shop.lat": 52.52,
    "shop.lon": 13.405, "shop.sector": "games", "shop.country": "DE",
}  # fmt: skip
REQUEST: dict[str, Any] = {
    "route_minutes": 12.0, "amount": 80.0, "asked_at": NOW_S - 1800, "due_at": NOW_S + 7 * 3600, "lat": 48.8566,
    "lon": 2.3522, "country": "FR", "paid_60s": 3,
}  # fmt: skip
PAID, SPENT = 4.0, 160.0
BY_HAND = {
    "base": 12.0, "cold": -7.5, "amount": np.log(81), "open_h": 36.0, "asked_h": 7.5,
    "against_mean": np.log(80 / 40), "against_prior": np.log(80 / ((80 + 100) / (2 + 2))),
    "against_usual": np.log(4), "against_count": np.log(12 / 2),
    "weekday": 4.0, "due_weekday": 5.0, "due_hour": 1.0, "holiday": 1.0, "due_holiday": 0.0, "way_km": 877.5,
    "sector": 1.0, "at_home": 0.0, "paid_60s": 3.0,
}  # fmt: skip


def one_case(at: float = NOW_S - 86_400, paid: float = PAID, **changed: Any) -> Inputs:
    """One case as a service gives it: single entries, words and numbers as objects, a state a day old."""
    fields, given = ({k: changed.get(k, v) for k, v in values.items()} for values in (FIELDS, REQUEST))
    states = Counters(
        np.array([[paid, SPENT]], np.float32), np.array([at]), ("paid_1d", "spent_1d"), np.array([86_400.0, 86_400.0])
    )
    fields_of_objects = {name: np.array([value], dtype=object) for name, value in fields.items()}
    of_request = {name: np.array([value], dtype=object) for name, value in given.items()}
    return Inputs(1, np.array([NOW_S]), {"card": states}, fields_of_objects, of_request)


def told(**changed: Any) -> dict[str, float]:
    """The features of one case."""
    return dict(zip(NAMES, assemble(FEATURES, one_case(**changed))[0].tolist(), strict=True))


def test_each_kind_by_hand() -> None:
    values = told()
    assert {name: values[name] for name in BY_HAND} == pytest.approx(BY_HAND, rel=1e-3)


@pytest.mark.parametrize(("changed", "unknown"), [
    ({"route_minutes": None}, {"base", "against_count"}),
    ({"weather.celsius": None}, {"cold"}),
    ({"amount": None}, {"amount", "against_mean", "against_prior", "against_usual"}),
    ({"amount": 0.0}, {"against_mean", "against_prior", "against_usual"}),
    ({"amount": -5.0}, {"against_mean", "against_prior", "against_usual"}),
    ({"shop.usual": 0.0}, {"against_usual"}),
    ({"shop.usual": float("inf")}, {"against_usual"}),
    ({"shop.opened_at": None}, {"open_h"}),
    ({"asked_at": NAN}, {"asked_h"}),
    ({"due_at": None}, {"asked_h", "due_weekday", "due_hour", "due_holiday"}),
    ({"at": NAN}, {"against_mean", "against_count"}),
    ({"paid": 0.0}, {"against_mean", "against_count"}),
    ({"lat": None}, {"way_km"}),
    ({"shop.lon": NAN}, {"way_km"}),
    ({"shop.sector": None}, {"sector"}),
    ({"shop.sector": "cars"}, {"sector"}),
    ({"country": None}, {"at_home"}),
    ({"paid_60s": None}, {"paid_60s"}),
], ids=lambda case: str(sorted(case)))  # fmt: skip
def test_what_is_unknown_makes_only_its_own_features_unknown(changed: dict[str, Any], unknown: set[str]) -> None:
    values = told(**changed)
    assert {name for name, value in values.items() if np.isnan(value)} == unknown
    assert not np.isinf(list(values.values())).any()


def test_a_request_that_says_nothing_is_unknown_not_an_error() -> None:
    case = one_case()
    silent = Inputs(1, case.now, case.counters, case.fields, {})
    values = dict(zip(NAMES, assemble(FEATURES, silent)[0].tolist(), strict=True))
    assert {n for n in NAMES if not np.isnan(values[n])} == {"cold", "open_h", "weekday", "holiday", "sector"}


def test_moments_may_be_given_as_moments() -> None:
    as_moments = {
        "asked_at": datetime.fromtimestamp(NOW_S - 1800, UTC), "due_at": datetime(2026, 12, 26, 1),
        "shop.opened_at": datetime.fromtimestamp(NOW_S - 36 * 3600, UTC),
    }  # fmt: skip
    assert told(**as_moments) == told()


def test_one_place_is_no_way_and_the_other_side_of_the_globe_half_its_round() -> None:
    assert told(lat=52.52, lon=13.405)["way_km"] == 0.0
    assert told(lat=-52.52, lon=13.405 - 180)["way_km"] == pytest.approx(np.pi * 6371.0088)


def frame_of(cases: list[Inputs]) -> pd.DataFrame:
    """Cases as training has them: columns with types."""
    frame = pd.DataFrame({
        "event_timestamp": pd.to_datetime([NOW] * len(cases), utc=True),
        "card__paid_1d": [case.counters["card"].values[0, 0] for case in cases],
        "card__spent_1d": [case.counters["card"].values[0, 1] for case in cases],
        "card__published_at": pd.to_datetime([case.counters["card"].at[0] for case in cases], unit="s", utc=True),
    })  # fmt: skip
    for name in FIELDS:
        frame[name.replace(".", "__")] = [case.fields[name][0] for case in cases]
    for name in REQUEST:
        column = [case.context[name][0] for case in cases]
        frame[name] = pd.to_datetime(column, unit="s", utc=True) if name.endswith("_at") else column
    return frame


def test_training_and_a_page_of_items_and_a_single_case_make_the_same_bits() -> None:
    cases = [one_case(), one_case(amount=None, due_at=None), one_case(paid=0.0, **{"shop.lat": None}), one_case(at=NAN)]
    alone = np.concatenate([assemble(FEATURES, case) for case in cases])
    frame = frame_of(cases)
    frame["shop__opened_at"] = frame["shop__opened_at"].astype("Int64")
    assert assemble(FEATURES, inputs_from_frame(frame, BANK, "event_timestamp")).tobytes() == alone.tobytes()
    page = Inputs(
        3, np.array([NOW_S]), cases[0].counters,
        {n: v if n == "weather.celsius" else np.concatenate([v, v]) for n, v in cases[0].fields.items()},
        cases[0].context, {n: np.array([1, 0, 1], np.int32) for n in FIELDS if n != "weather.celsius"},
    )  # fmt: skip
    np.testing.assert_array_equal(assemble(FEATURES, page), np.repeat(alone[:1], 3, axis=0))


def test_a_recipe_carries_every_kind_and_makes_the_same_bits() -> None:
    recipe = read_recipe(recipe_of(BANK))
    assert recipe.features == FEATURES
    assert assemble(recipe.features, one_case()).tobytes() == assemble(FEATURES, one_case()).tobytes()


def test_the_feeds_recipe_is_what_its_releases_were_made_with() -> None:
    of_releases = "427982aec4ccd7a282df18a7cb72f65fd442db9ac19fc60e34e86c00ad90b4a1"
    assert digest(recipe_of(HOME_FEED_FEATURES)) == of_releases


def test_the_page_names_every_kind() -> None:
    page = (Path(__file__).parents[2] / "docs" / "features.md").read_text()
    assert [kind.__name__ for kind in get_args(Feature) if f"`{kind.__name__}(" not in page] == []
