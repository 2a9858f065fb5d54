"""Features as served are the features as trained: the same function on the same states, gathered another way."""

import asyncio
from typing import Any

import numpy as np
import pytest

from feature_repo import packed_records
from feature_repo.home_feed import HOME_FEED as FEATURES
from feature_repo.recipe import read_recipe, recipe_of
from feature_repo.record_layout import layouts
from feature_repo.request_time import Counters, Inputs, assemble
from serving.asker import asked
from serving.features import Builder
from serving.home_feed import HOME_FEED as POLICY
from serving.home_feed import SERVED
from serving.online import Online, online
from validation.errors import ReleaseMismatch


async def served(parts: Online, user: str, videos: list[str], now: float) -> Any:
    """The matrix a request of this user for these videos is scored on."""
    await parts.start()
    try:
        builder = Builder(read_recipe(recipe_of(FEATURES)), FEATURES, POLICY, parts.states)
        users = parts.ladder._users
        rows = parts.states.rows(videos)
        who = asked(POLICY, await users.read(user), type("Context", (), {"device": "phone", "region": None}))
        assert who.user.why is None
        return builder.matrix(rows, who.user, who.keys, who.context, now)
    finally:
        await parts.stop()


def trained(world: Any, user: str, videos: list[str], now: float) -> Any:
    """The same by hand: each view read row by row for each video, nothing shared, nothing cached."""
    redis = packed_records.connect(world.settings.redis_url)
    found = layouts(FEATURES)
    profile = packed_records.read(redis, found["video_profile"], [(v,) for v in videos])
    own = packed_records.read(redis, found["user_profile"], [(user,)] * len(videos))
    columns = {name: profile.column(name) for name in ("creator_id", "category", "length_class")}
    columns |= {"video_id": np.array(videos, dtype=object), "user_id": np.array([user] * len(videos), dtype=object)}
    columns["region"] = own.column("region")
    counters = {}
    for view in FEATURES.counter_views:
        keys = list(zip(*(columns[key] for key in view.keys), strict=True))
        read = packed_records.read(redis, found[view.name], keys)
        counters[view.name] = Counters(read.values, read.at, view.counters, np.array(view.half_lives))
    fields: dict[str, Any] = {}
    for packed in (profile, own):
        for name in (*packed.layout.floats, *packed.layout.others):
            column = packed.column(name)
            numeric = name in packed.layout.floats or packed.layout.others[name] == "Int64"
            fields[f"{packed.layout.view}.{name}"] = column.astype(np.float64) if numeric else column
    context = {"device": np.array(["phone"] * len(videos), dtype=object)}
    return assemble(FEATURES.features, Inputs(len(videos), np.array([now]), counters, fields, context))


@pytest.mark.parametrize("user", ["u1", "nobody"])
def test_served_equals_trained(world: Any, user: str) -> None:
    videos, now = [f"v{i}" for i in (5, 0, 3, 40, 22, 23, 2)], world.settings.replay_from.timestamp() + 5000
    parts = online(SERVED, world.settings, "home_feed")
    ours = asyncio.run(served(parts, user, videos, now))
    np.testing.assert_allclose(ours, trained(world, user, videos, now), rtol=1e-6)


def test_a_release_trained_on_other_states_is_refused(world: Any) -> None:
    recipe = recipe_of(FEATURES).replace(b'"half_lives":[3600.0,', b'"half_lives":[7200.0,', 1)
    parts = online(SERVED, world.settings, "home_feed")
    with pytest.raises(ReleaseMismatch, match="is not the one this checkout keeps states of"):
        Builder(read_recipe(recipe), FEATURES, POLICY, parts.states)


def test_a_release_that_reads_an_unknown_state_is_refused(world: Any) -> None:
    recipe = recipe_of(FEATURES).replace(b'"video.shown_1h"', b'"video.shown_2h"')
    parts = online(SERVED, world.settings, "home_feed")
    with pytest.raises(ReleaseMismatch, match=r"Did you mean `video\.shown_1h`"):
        Builder(read_recipe(recipe), FEATURES, POLICY, parts.states)
