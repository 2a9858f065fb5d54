"""A column that no feature may read is refused by name, however it would get into one."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from feature_repo.columns_read import words
from feature_repo.definition import CounterView, FeatureSet, Lookup, ProfileView, Signal
from feature_repo.request_time import Code, Count, Feature, Match
from infra.errors import DefinitionError
from orchestration.system import System
from orchestration.systems.home_feed import HOME_FEED

FEED = HOME_FEED.features
GROUPS = Lookup("users", "user_id", {"generation": "if(Age_Group = '18', 'grown', 'young')"})
YOUNG = Signal("young_view", "engagements", "by somebody young", "action = 'watch' AND generation = 'young'")


def with_features(*more: Feature, **changed: object) -> FeatureSet:
    return replace(FEED, features=(*FEED.features, *more), **changed)  # type: ignore[arg-type]


def with_view(view: CounterView, **changed: object) -> FeatureSet:
    counted = Count("counted", f"{view.name}.{view.counters[0]}")
    return with_features(counted, counter_views=(*FEED.counter_views, view), **changed)


def derived() -> FeatureSet:
    fields = {"grown": ("String", "CASE WHEN age_group = '18' THEN 'yes' END")}
    profile = ProfileView("grown_up", "users", ("user_id",), fields, "")
    return with_features(
        Match("both", "grown_up.grown", "video_profile.status"), profile_views=(*FEED.profile_views, profile)
    )


def counted_by_borrowed_key() -> FeatureSet:
    view = CounterView("by_generation", ("generation",), {"shown": ("1d",)}, "")
    entities = {**FEED.entities, "generation": ""}
    return with_view(view, lookups=(*FEED.lookups, GROUPS), entities=entities)


def counted_where_borrowed() -> FeatureSet:
    view = CounterView("by_young", ("video_id",), {"young_view": ("1d",)}, "")
    return with_view(view, lookups=(*FEED.lookups, GROUPS), signals=(*FEED.signals, YOUNG))


def trusted_by_it() -> FeatureSet:
    assert FEED.influence is not None
    trust = replace(FEED.influence, trust="if(generation = 'young', 0.5, 1)")
    return replace(FEED, lookups=(*FEED.lookups, GROUPS), influence=trust)


CASES: dict[str, tuple[Callable[[], FeatureSet], str]] = {
    "a field": (
        lambda: with_features(Match("same_age", "user_profile.age_group", "video_profile.age_rating")),
        r"feature same_age reads `users.age_group` \(through user_profile.age_group\), which no feature may read",
    ),
    "a derived field": (derived, r"feature both reads `users.age_group` \(through grown_up.grown\)"),
    "a key": (
        counted_by_borrowed_key,
        r"counted reads .* \(through by_generation.shown_1d, which borrows generation\)",
    ),
    "a condition": (counted_where_borrowed, r"counted reads .* \(through by_young.young_view_1d, which borrows"),
    "the trust of a cap": (trusted_by_it, r"feature video_shown_1h reads .*, which borrows generation\)"),
    "the request": (
        lambda: with_features(Code("age_group", ("13", "18"))),
        r"feature age_group reads `users.age_group` \(through the request\)",
    ),
    "a typing error": (
        lambda: replace(FEED, never_read=("users.age_grup",)),
        r"never_read `users.age_grup` is not defined. Did you mean `users.age_group`",
    ),
}


@pytest.mark.parametrize(("features", "message"), CASES.values(), ids=CASES)
def test_a_feature_made_from_it_is_refused(features: Callable[[], FeatureSet], message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        replace(HOME_FEED, features=features())


def test_an_embedding_made_from_it_is_refused() -> None:
    features = replace(FEED, never_read=("videos.language",), features=())
    with pytest.raises(
        DefinitionError, match=r"the embedding reads `videos.language` \(through video_profile.language\)"
    ):
        replace(HOME_FEED, features=features)


def test_what_is_read_for_other_ends_than_features_is_none_of_its_business() -> None:
    """Whom a video may be shown to is decided by age: the profile holds it."""
    assert "age_group" in next(view for view in FEED.profile_views if view.name == "user_profile").fields
    assert isinstance(replace(HOME_FEED), System)


@pytest.mark.parametrize(
    ("sql", "read"),
    [("AGE > 3", ["age"]), ("users.age", ["age"]), ("`age` * 2", ["age"]), ("aged + page", []), ("action = 'age'", []),
     (r"x = 'it\'s age' AND y", []), ("hash(struct(*))", ["age", "sex"]),
     ("duration * 2", []), ("hash(1, *)", ["age", "sex"])],
)  # fmt: skip
def test_columns_are_found_in_sql_as_spark_reads_it(sql: str, read: list[str]) -> None:
    assert words(sql, ("age", "sex")) == read
