"""Embeddings: who lands near whom, what nobody has seen yet, and what may never be looked at."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from club import AT, EMBEDDING, FEATURES, TASK, rows, stock

from feature_repo import embedding_space
from feature_repo.embedding_space import EMBEDDINGS, INDEX, VECTORS
from infra.errors import DefinitionError
from training.fitting import als as embeddings
from training.fitting import content, nearest_index, recall, train
from training.fitting import item_space as embedded
from training.fitting.item_space import Embedded
from training.rows import split

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture(scope="module")
def made(spark: "SparkSession", tmp_path_factory: pytest.TempPathFactory) -> Embedded:
    """The club's space."""
    lake = stock(tmp_path_factory.mktemp("lake"))
    data = rows()
    return embedded.build_item_space(spark, lake, data, train.divided(data, TASK), TASK, FEATURES, AT, seed=0)


def nearest(made: Embedded, vector: "np.ndarray[tuple[int], np.dtype[np.float32]]", k: int = 10) -> list[str]:
    """The names of the wares nearest to a vector."""
    found = nearest_index.search(made.index, vector[None], k)[0]
    return [made.ids[place].decode() for place in found]


def kinds(names: list[str]) -> set[int]:
    """Whether wares are even (0), odd (1) or some of both."""
    return {int(name[1:]) % 2 for name in names}


def test_everybody_is_nearest_to_what_their_tribe_buys(made: Embedded) -> None:
    for user, vector in zip(made.users, made.user_vectors, strict=True):
        assert kinds(nearest(made, vector)) == {int(user[1:]) % 2}, user


def test_a_ware_that_nobody_was_shown_lands_with_its_kind(made: Embedded) -> None:
    even = made.user_vectors[made.users.index("g00")] - made.user_vectors[made.users.index("g01")]
    worth = dict(zip([name.decode() for name in made.ids], made.space.vectors @ even, strict=True))
    assert worth["w38"] > 0 > worth["w39"]


def test_a_user_known_by_taste_alone_is_nearest_to_that_kind(made: Embedded) -> None:
    words = made.space.attributes["kind"].codes(content.marked(pd.Series(["even", "odd", "never met"])))
    assert words.tolist()[2] == 0
    one_sided = made.space.tasting(words, np.array([5, 1, 9], dtype=np.float32))
    assert one_sided is not None
    assert kinds(nearest(made, one_sided)) == {0}
    assert made.space.tasting(words[2:], np.array([9], dtype=np.float32)) is None


def test_the_same_rows_and_seed_give_the_same_vectors(made: Embedded, spark: "SparkSession", tmp_path: Path) -> None:
    data = rows()
    engaged = embeddings.engaged(data, train.divided(data, TASK)["fit"], TASK)
    again = embeddings.learn(spark, engaged, EMBEDDING, 0, tmp_path / "scratch")
    assert np.array_equal(again.user_vectors, made.user_vectors)
    assert not (tmp_path / "scratch").exists()


def test_nothing_is_learned_from_that_was_received_after_the_rows_to_fit_end() -> None:
    data = rows()
    cut = pd.Timestamp(split.cuts(data.times(), TASK.split)[0], tz="UTC")
    fit = train.divided(data, TASK)["fit"]
    engaged = embeddings.engaged(data, fit, TASK)
    late = data.frame.assign(outcomes_known_at=cut + timedelta(seconds=1))
    assert len(engaged) > 500
    assert data.frame.loc[engaged.index, "event_timestamp"].max() < cut
    assert embeddings.engaged(replace(data, frame=late), fit, TASK).empty
    judged = data.frame.index >= np.searchsorted(data.times(), cut.to_datetime64())
    turned = data.frame.assign(gain=np.where(judged, 3 - data.frame["gain"], data.frame["gain"]))
    pd.testing.assert_frame_equal(engaged, embeddings.engaged(replace(data, frame=turned), fit, TASK))


def test_the_report_says_how_much_is_found(made: Embedded) -> None:
    assert made.measures["recall_at_10"] == 1.0, "so few wares are compared one by one"
    assert made.measures["engaged_at_10"] > 0.4, "ten of nineteen wares of one's kind hold about half of what is bought"
    assert (made.measures["items"], made.measures["items_engaged_with"]) == (40, 38)


def test_a_space_reads_back_as_it_was_written(made: Embedded, tmp_path: Path) -> None:
    made.write(tmp_path)
    found = embedding_space.read(tmp_path)
    assert found is not None
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([EMBEDDINGS, VECTORS, INDEX])
    assert np.array_equal(found.vectors, made.space.vectors)
    assert (found.taste, found.tasted) == ("guest_kind.bought_30d", "kind")
    assert embedding_space.item_ids(tmp_path).tolist() == made.ids.tolist()
    assert embedding_space.read(tmp_path / "elsewhere") is None


@pytest.mark.parametrize(
    ("taste", "why"),
    [("guest_kind.bougth_30d", "Did you mean `guest_kind.bought_30d`"), ("guest_kind.bought_30d", "none of the attr")],
)
def test_a_taste_that_places_nobody_is_refused(taste: str, why: str, spark: "SparkSession", tmp_path: Path) -> None:
    attributes = EMBEDDING.attributes if taste != EMBEDDING.taste else ("maker",)
    wrong = replace(TASK, embedding=replace(EMBEDDING, taste=taste, attributes=attributes))
    data = rows()
    with pytest.raises(DefinitionError, match=why):
        embedded.build_item_space(spark, stock(tmp_path), data, train.divided(data, wrong), wrong, FEATURES, AT, seed=0)


def test_words_add_up_to_the_vectors_they_explain() -> None:
    rng = np.random.default_rng(1)
    words = pd.DataFrame({"kind": rng.choice(["a", "b", "c"], 3000), "maker": rng.choice(["x", "y", None], 3000)})
    means = {"a": [1.0, 0], "b": [0, 1], "c": [-1, -1], "x": [0.5, 0.5], "y": [-0.5, 0.5]}
    vectors = np.array([np.add(means[k], means.get(m, [0, 0])) for k, m in words.itertuples(index=False)])
    learned = content.fit(words, vectors.astype(np.float32), np.ones(3000), ridge=0.1)
    codes = {name: at.codes(content.marked(words[name])) for name, at in learned.attributes.items()}
    said = learned.mean + sum(learned.attributes[name].vectors[rows] for name, rows in codes.items())
    known = words["maker"].notna().to_numpy()
    assert np.abs(said - vectors)[known].max() < 0.1
    assert not learned.attributes["maker"].vectors[0].any(), "a word not met says nothing"


def test_an_index_of_many_finds_nearly_all_that_exact_search_does() -> None:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(30, 16))
    items = (centres[rng.integers(0, 30, 12_000)] + 0.4 * rng.normal(size=(12_000, 16))).astype(np.float32)
    items *= rng.lognormal(0, 0.4, (12_000, 1)).astype(np.float32)
    queries = centres[:20].astype(np.float32)
    index = nearest_index.build(items, probes=48, seed=0)
    wanted = recall.exact(items, queries, 100)
    assert recall.recall(nearest_index.search(index, queries, 100), wanted) > 0.95
    again = nearest_index.search(nearest_index.build(items, probes=48, seed=0), queries, 100)
    assert np.array_equal(again, nearest_index.search(index, queries, 100))


@pytest.mark.parametrize(
    ("found", "wanted", "share"),
    [([[1, 2, 3]], [[3, 1]], 1.0), ([[1, -1]], [[1, 2]], 0.5), ([[1], [2]], [[1], [9]], 0.5), ([[1]], [[-1]], None)],
    ids=["in any order", "a place that is empty", "a mean over queries", "who wants nothing does not count"],
)
def test_recall_is_the_share_of_what_is_wanted(
    found: list[list[int]], wanted: list[list[int]], share: float | None
) -> None:
    said = recall.recall(np.array(found), np.array(wanted))
    assert np.isnan(said) if share is None else said == share


def test_hits_count_pairs() -> None:
    found = np.array([[1, 2], [3, 4]])
    assert recall.hits(found, np.array([0, 0, 1]), np.array([2, 3, 3])) == pytest.approx(2 / 3)
