"""The items nearest to a user, as the service finds them: in the release and after it, also for whom it never met."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from feature_repo import embedding_space
from feature_repo.embedding_space import EMBEDDINGS, INDEX, VECTORS, Attribute, Space
from feature_repo.records import connect, redis_records
from feature_repo.records.layout import layouts
from feature_repo.records.user_vectors import publish_vectors
from feature_repo.systems.home_feed import HOME_FEED_FEATURES as FEATURES
from infra.errors import ReleaseMismatch
from infra.marks import marks
from serving import metrics
from serving.asker.asker import RequestAsker
from serving.asker.user_state import Tastes, UserState
from serving.items.item_states import ItemStates
from serving.model.loaded_release import load
from serving.model.nearest import NearestItems, opened
from serving.model.trial import prove
from serving.systems.home_feed import SERVED, SERVICE
from tests.serving.caller import Client
from training.fitting import nearest_index

CATEGORIES = ("cooking", "football", "music")
AXES = np.eye(4, dtype=np.float32)
MEAN = AXES[3]


def embed(folder: Path, videos: list[str]) -> None:
    """Put a space into a release: a video lies along its category's axis, `v0` the farthest out, in fourth the mean."""
    marked = marks(videos)
    order = np.argsort(marked)
    words = marks(CATEGORIES)
    by_word = np.argsort(words)
    category = Attribute(words[by_word], np.vstack([np.zeros((1, 4)), AXES[by_word]]).astype(np.float32))
    axis = np.array([int(v[1:]) % 3 for v in videos])
    far = np.array([2 - int(v[1:]) / 100 for v in videos], dtype=np.float32)
    vectors = (AXES[axis] * far[:, None] + MEAN)[order].astype(np.float32)
    index = nearest_index.build(vectors, 8, 0)
    queries = AXES[:3]
    neighbours = nearest_index.search(index, queries, 10).astype(np.int32)
    taste = "user_category.long_view_30d"
    space = Space(marked[order], vectors, MEAN, {"category": category}, taste, "category", queries, neighbours)
    embedding_space.write(space, np.array([v.encode() for v in videos])[order], folder)
    nearest_index.save(index, folder / INDEX)


@pytest.fixture
def released(world: Any) -> Path:
    """A release whose space holds the first fifty of the world's sixty videos."""
    folder: Path = world.release("1")
    embed(folder, world.videos[:50])
    world.manifest(folder, "1", "xgboost")
    return folder


@pytest.fixture
def states(world: Any) -> ItemStates:
    """What Redis holds of the videos."""
    taken = ItemStates(FEATURES, SERVICE)
    follow(taken, world)
    return taken


def follow(states: ItemStates, world: Any) -> None:
    """Take over what Redis holds now."""
    with connect(world.settings.redis_url) as redis:
        for view in states.views:
            states.take(view, redis_records.read_all_records(redis, layouts(FEATURES)[view]))


@pytest.fixture
def nearest(released: Path, states: ItemStates) -> NearestItems:
    """The release's space over what is known of the videos."""
    loaded = load(released, SERVED, states).nearest
    assert loaded is not None
    return loaded


def who(**known: Any) -> RequestAsker:
    """An asker of whom so much is known."""
    return RequestAsker(UserState("u1", **known), {}, {}, {})


def test_the_nearest_come_first_whether_the_release_knew_them_or_not(nearest: NearestItems, states: ItemStates) -> None:
    names = states.names(nearest.near(AXES[2], 20))
    assert names[:16] == [f"v{i}" for i in range(2, 50, 3)], "music, the farthest out first"
    assert set(names[16:]) == {"v50", "v53", "v56", "v59"}, "then music that came after the release"
    assert len(states.names(nearest.near(AXES[2], 3))) == 3


def test_a_video_that_comes_later_is_found_once_it_is_taken_in(
    nearest: NearestItems, states: ItemStates, world: Any
) -> None:
    world.describe(62)
    follow(states, world)
    assert "v62" not in states.names(nearest.near(AXES[2], 60))
    nearest.refresh()
    assert "v62" in states.names(nearest.near(AXES[2], 60))
    assert "v62" not in states.names(nearest.near(AXES[2], 16)), "those that were learned of are nearer"


def test_a_space_that_comes_before_the_states_learns_of_them(released: Path, world: Any) -> None:
    states = ItemStates(FEATURES, SERVICE)
    nearest = NearestItems.of(released, states, SERVED)
    assert nearest is not None
    assert not len(nearest.near(AXES[2], 10))
    follow(states, world)
    nearest.refresh()
    assert len(nearest.near(AXES[2], 10)) == 10


def test_a_user_is_where_they_were_learned_to_be_else_where_their_tastes_are(
    nearest: NearestItems, states: ItemStates
) -> None:
    learned = np.array([1, 2, 3, 4], dtype=np.float32)
    assert nearest.user_vector(who(vector=learned)) is learned
    assert nearest.user_vector(who()) is None, "nothing is known"
    codes = [states.words["category"].find_all(["music", "football", "opera"])]
    counters = next(v for v in FEATURES.counter_views if v.name == "user_category").counters
    values = np.zeros((3, len(counters)), dtype=np.float32)
    values[:, counters.index("long_view_30d")] = 6
    month = 30 * 86_400
    taste = Tastes(codes, values, np.array([2.0 * month, month, 2.0 * month]), {})
    vector = nearest.user_vector(who(mixed={"user_category": taste}))
    assert vector is not None
    assert np.allclose(vector, MEAN + AXES[2] * 2 / 3 + AXES[1] / 3), "football was watched one half-life before"


def test_vectors_have_length_one_and_unknown_items_none(nearest: NearestItems, states: ItemStates) -> None:
    learned, described, unknown = nearest.vectors(states.rows(["v2", "v59", "never met"]))
    assert np.allclose(np.linalg.norm([learned, described], axis=1), 1)
    assert not unknown.any()
    assert described @ learned > 0.9, "both are music"


def test_a_users_stored_vector_is_where_the_release_says(nearest: NearestItems, world: Any) -> None:
    assert nearest.layout.view.startswith("user_vector_")
    with connect(world.settings.redis_url) as redis:
        publish_vectors(redis, nearest.layout, ["u1"], np.ones((1, 4), dtype=np.float32), world.settings.replay_from)
        assert redis_records.read_records(redis, nearest.layout, [("u1",)]).present.all()


def test_the_service_draws_candidates_near_the_asker_from_it(released: Path, world: Any) -> None:
    world.promote("1")
    with Client(world) as client:
        live = client.online.releases.live
        with connect(world.settings.redis_url) as redis:
            publish_vectors(redis, live.nearest.layout, ["u9"], AXES[1:2], world.settings.replay_from)
        before = metrics.CANDIDATES.labels("personal")._value.get()
        assert client.feed(user_id="u9")["served_by"] == "full"
        metrics.Tally.flush()
        assert metrics.CANDIDATES.labels("personal")._value.get() - before > 16, "football and what is beside it"


def test_a_release_without_embeddings_is_a_release(world: Any, states: ItemStates) -> None:
    folder = world.release("1")
    world.manifest(folder, "1", "xgboost")
    assert load(folder, SERVED, states).nearest is None


def shorten(folder: Path) -> None:
    """As a copy that broke off."""
    content = (folder / INDEX).read_bytes()
    (folder / INDEX).write_bytes(content[: len(content) // 3])


def exchange(folder: Path) -> None:
    """An index over the same number of other vectors."""
    vectors = np.random.default_rng(3).normal(size=(50, 4)).astype(np.float32)
    nearest_index.save(nearest_index.build(vectors, 8, 0), folder / INDEX)


def lose_items(folder: Path) -> None:
    """An index of fewer items than the space has."""
    vectors = np.load(folder / VECTORS)[:40]
    np.save(folder / VECTORS, vectors)


def scramble(folder: Path) -> None:
    """Bytes that are no index, of the right length."""
    (folder / INDEX).write_bytes(b"x" * (folder / INDEX).stat().st_size)


def remove(folder: Path) -> None:
    """No index at all."""
    (folder / INDEX).unlink()


def forget_arrays(folder: Path) -> None:
    """A file of arrays that lacks most of them."""
    np.savez(folder / EMBEDDINGS, mean=MEAN)


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (shorten, "too short"),
        (exchange, "golden neighbours"),
        (lose_items, "names 50 items"),
        (scramble, "cannot be read"),
        (remove, "absent"),
        (forget_arrays, "cannot be read"),
    ],
)
def test_embeddings_that_do_not_hang_together_are_refused(broken: Any, why: str, released: Path, world: Any) -> None:
    prove(released)
    broken(released)
    world.manifest(released, "1", "xgboost")  # somebody wrote a manifest of what lies there
    with pytest.raises(ReleaseMismatch, match=why):
        prove(released)


def test_an_index_changed_after_it_was_judged_is_refused(released: Path) -> None:
    exchange(released)
    with pytest.raises(ReleaseMismatch, match="manifest says"):
        prove(released)


def test_a_mapped_index_of_many_items_finds_what_the_one_that_was_built_did(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).normal(size=(12_000, 8)).astype(np.float32)
    index = nearest_index.build(vectors, 24, 0)
    nearest_index.save(index, tmp_path / INDEX)
    queries = vectors[:20]
    neighbours = nearest_index.search(index, queries, 10)
    marked = np.arange(12_000, dtype=np.uint64)
    space = Space(marked, vectors, vectors[0], {}, "", "", queries, neighbours.astype(np.int32))
    assert np.array_equal(nearest_index.search(opened(tmp_path, space), queries, 10), neighbours)
