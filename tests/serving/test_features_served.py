"""Features as served are the features as trained: the same function on the same states, gathered another way."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from feature_repo.assembly import assemble
from feature_repo.recipe import read_recipe, recipe_of
from feature_repo.records import connect, redis_records
from feature_repo.records.layout import layouts
from feature_repo.request_time import Counters, Inputs
from feature_repo.systems.home_feed import HOME_FEED_FEATURES as FEATURES
from infra.errors import ReleaseMismatch
from serving.asker.asker import asker_of
from serving.model.features import Builder
from serving.online import Online, online
from serving.systems.home_feed import HOME_FEED as POLICY
from tests.serving.caller import states_read
from tests.serving.conftest import PATIENT


async def served(parts: Online, asks: list[tuple[str, list[str]]], now: float) -> list[Any]:
    """The matrices that requests of these users for these videos are scored on."""
    await parts.start()
    try:
        await states_read(parts)
        builder = Builder(read_recipe(recipe_of(FEATURES)), FEATURES, POLICY, parts.states)
        matrices = []
        for user, videos in asks:
            state = await parts.ladder.parts.users.read(user)
            assert state.why is None
            context = type("Context", (), {"device": "phone", "region": "FR"})
            who = asker_of(POLICY.service, POLICY.release, state, context)
            block = parts.states.gather(parts.states.rows(videos))
            matrices.append(builder.matrix(block, who.user, who.keys, who.context, now))
        return matrices
    finally:
        await parts.stop()


def trained(world: Any, user: str, videos: list[str], now: float) -> Any:
    """The same by hand: each view read row by row for each video, nothing shared, nothing cached."""
    redis = connect(world.settings.redis_url)
    views = layouts(FEATURES)
    profile = redis_records.read_records(redis, views["video_profile"], [(v,) for v in videos])
    own = redis_records.read_records(redis, views["user_profile"], [(user,)] * len(videos))
    columns = {name: profile.column(name) for name in ("creator_id", "category", "length_class")}
    columns |= {"video_id": np.array(videos, dtype=object), "user_id": np.array([user] * len(videos), dtype=object)}
    columns["region"] = own.column("region")
    counters = {}
    for view in FEATURES.counter_views:
        keys = list(zip(*(columns[key] for key in view.keys), strict=True))
        read = redis_records.read_records(redis, views[view.name], keys)
        counters[view.name] = Counters(read.values, read.at, view.counters, np.array(view.half_lives))
    fields: dict[str, Any] = {}
    for packed in (profile, own):
        for name in (*packed.layout.floats, *packed.layout.others):
            column = packed.column(name)
            numeric = name in packed.layout.floats or packed.layout.others[name] == "Int64"
            fields[f"{packed.layout.view}.{name}"] = column.astype(np.float64) if numeric else column
    context = {"device": np.array(["phone"] * len(videos), dtype=object)}
    return assemble(FEATURES.features, Inputs(len(videos), np.array([now]), counters, fields, context))


def test_served_equals_trained_in_every_bit(world: Any) -> None:
    draw = np.random.default_rng(1)
    for user in ("u1", "u2"):
        for view, words in (
            ("user_category", ["cooking", "football", "music"]),
            ("user_creator", [f"c{i}" for i in range(12)]),
        ):
            world.count(view, [(user, word) for word in words], lambda i, name: float(draw.exponential(20)))
    world.count("user_length", [("u2", "to_30s"), ("u2", "never met")], lambda i, name: i)
    everything = [*world.videos, "unknown"]
    asks = [(user, list(draw.permutation(everything)[:n])) for user in ("u1", "u2", "nobody") for n in (1, 7, 33, 61)]
    now = world.settings.replay_from.timestamp() + 5000
    matrices = asyncio.run(served(online(PATIENT, world.settings, "home_feed"), asks, now))
    for (user, videos), matrix in zip(asks, matrices, strict=True):
        trained_on = trained(world, user, videos, now)
        assert matrix.tobytes() == trained_on.tobytes(), [
            feature.name
            for feature, ours, theirs in zip(FEATURES.features, matrix.T, trained_on.T, strict=True)
            if ours.tobytes() != theirs.tobytes()
        ]


def test_a_release_trained_on_other_states_is_refused(world: Any) -> None:
    recipe = recipe_of(FEATURES).replace(b'"half_lives":[3600.0,', b'"half_lives":[7200.0,', 1)
    parts = online(PATIENT, world.settings, "home_feed")
    with pytest.raises(ReleaseMismatch, match="is not the one this checkout keeps states of"):
        Builder(read_recipe(recipe), FEATURES, POLICY, parts.states)


def test_a_release_whose_counters_counted_for_another_time_is_refused(world: Any) -> None:
    short = recipe_of(replace(FEATURES, ttl=timedelta(days=30)))
    parts = online(PATIENT, world.settings, "home_feed")
    with pytest.raises(ReleaseMismatch, match=r"count for 30 days.* of this checkout for 90 days"):
        Builder(read_recipe(short), FEATURES, POLICY, parts.states)


def test_a_release_that_reads_an_unknown_state_is_refused(world: Any) -> None:
    recipe = recipe_of(FEATURES).replace(b'"video.shown_1h"', b'"video.shown_2h"')
    parts = online(PATIENT, world.settings, "home_feed")
    with pytest.raises(ReleaseMismatch, match=r"Did you mean `video\.shown_1h`"):
        Builder(read_recipe(recipe), FEATURES, POLICY, parts.states)
