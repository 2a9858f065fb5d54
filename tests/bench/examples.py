"""Rows to train the measured model on: what users of a catalogue would have been shown, featured as serving does it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from feature_repo.assembly import assemble
from feature_repo.definition import CounterView
from feature_repo.request_time import Counters, Feature, Inputs
from tests.bench.catalogue import AT, DEVICES, LIKED, NOW, Catalogue, Ints, States

KNOWN_SHARE = 0.4  # of what is shown comes from creators the user has watched


def examples(catalogue: Catalogue, features: tuple[Feature, ...]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The model's input of some pairs of users and videos, and whether each was watched long: drawn, not at random."""
    draw = np.random.default_rng(catalogue.scale.seed + 1)
    rows = catalogue.scale.rows
    users = draw.integers(catalogue.scale.users, size=rows)
    videos = _shown(catalogue, users, draw)
    read = {name.partition(".")[0] for feature in features for name in feature.reads()}
    counters = {name: _counters(catalogue, of, users, videos) for name, of in catalogue.states.items() if name in read}
    inputs = Inputs(
        rows,
        np.array([NOW.timestamp()]),
        counters,
        _fields(catalogue, users, videos),
        {"device": np.array(DEVICES, dtype=object)[draw.integers(len(DEVICES), size=rows)]},
    )
    matrix = assemble(features, inputs)
    return matrix, (draw.random(rows) < _liked(matrix, [f.name for f in features])).astype(np.float32)


def _shown(catalogue: Catalogue, users: Ints, draw: np.random.Generator) -> Ints:
    """A video a user: of a creator the user knows, or any."""
    by_creator = np.argsort(catalogue.creator, kind="stable")
    first = np.searchsorted(catalogue.creator[by_creator], np.arange(catalogue.scale.creators + 1))
    creator = catalogue.known[users, draw.integers(catalogue.known.shape[1], size=len(users))]
    offered = np.maximum(first[creator + 1] - first[creator], 1)
    familiar = by_creator[
        np.minimum(first[creator] + (draw.random(len(users)) * offered).astype(int), len(by_creator) - 1)
    ]
    return np.where(
        draw.random(len(users)) < KNOWN_SHARE, familiar, draw.integers(catalogue.scale.videos, size=len(users))
    )


def _counters(catalogue: Catalogue, states: States, users: Ints, videos: Ints) -> Counters:
    place = _place(catalogue, states.view, users, videos)
    values = np.where(place[:, None] < 0, np.float32(0), states.values[place])
    return Counters(values, np.where(place < 0, np.nan, AT), states.view.counters, np.array(states.view.half_lives))


def _place(catalogue: Catalogue, view: CounterView, users: Ints, videos: Ints) -> Ints:
    """The row of a view's states that belongs to each pair, -1 where there is none."""
    of = {
        "user_id": users, "video_id": videos, "creator_id": catalogue.creator[videos],
        "category": catalogue.category[videos], "region": catalogue.region[users],
        "length_class": catalogue.length[videos],
    }  # fmt: skip
    if view.keys == ("user_id", "category"):
        return _among(catalogue.topics[users], of["category"], users, LIKED)
    if view.keys == ("user_id", "creator_id"):
        return _among(catalogue.known[users], of["creator_id"], users, catalogue.known.shape[1])
    if len(view.keys) == 1:
        return of[view.keys[0]]
    first, second = view.keys
    return of[first] * len(catalogue.names[second]) + of[second]


def _among(known: Ints, wanted: Ints, users: Ints, each: int) -> Ints:
    hits = known == wanted[:, None]
    return np.where(hits.any(axis=1), users * each + hits.argmax(axis=1), -1)


def _fields(catalogue: Catalogue, users: Ints, videos: Ints) -> Mapping[str, NDArray[Any]]:
    columns = {}
    for view, rows in (("video_profile", videos), ("user_profile", users)):
        for name, column in catalogue.fields(view).items():
            if name != "regions":
                columns[f"{view}.{name}"] = np.asarray(column)[rows]
    return columns


def _liked(matrix: NDArray[np.float32], names: list[str]) -> NDArray[np.float64]:
    """How probable a long watch is: taste for topic and creator, what the video is worth, how old it is."""
    of = {name: np.nan_to_num(matrix[:, i].astype(np.float64)) for i, name in enumerate(names)}
    pull = (
        3.0 * (of["user_category_long_view_rate_30d"] - 0.3)
        + 2.0 * (of["user_creator_long_view_rate_30d"] - 0.3) * (1 + of["user_creator_shown_30d"] / 4)
        + 2.5 * (of["video_long_view_rate_30d"] - 0.3)
        + 1.0 * (of["user_long_view_rate_30d"] - 0.3)
        + 0.3 * of["same_language"]
        - 0.15 * of["video_age"]
    )
    return np.asarray(1 / (1 + np.exp(-pull)))
