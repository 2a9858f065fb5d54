"""Outcomes as rows of the event tables, in the contract's own schema."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from infra.arrays import Bools, Float64s
from orchestration.sources.kit import EntityIds, normal, uniform
from orchestration.sources.simulator.behaviour import Outcomes, Pages
from validation.arrow import ARROW
from validation.systems.home_feed import ACTIONS, DEVICES, ENGAGEMENTS, IMPRESSIONS


@dataclass(frozen=True, slots=True)
class Log:
    """How pages are written down: the ids of users, videos and feed answers; `late` answers wait for a connection."""

    users: EntityIds
    videos: EntityIds
    requests: pa.Array
    late: float
    seed: int


def moments(seconds: Float64s) -> pa.Array:
    """Seconds since the epoch as timestamps; the platform's clocks tick in milliseconds."""
    return pa.array(np.round(seconds * 1e3).astype(np.int64) * 1000).cast(ARROW["timestamp"])


def impressions(log: Log, pages: Pages, variant: pa.Array, propensity: Float64s, unplaced: Bools) -> pa.Table:
    """One row for every filled place of every page.

    variant     (pages,)        what ranked the page
    propensity  (pages, places) NaN where it is not known
    unplaced    (pages,)        whether the position went unlogged
    """
    page, place = np.nonzero(pages.filled)
    sent = pages.at[page] + 0.05 + 0.9 * uniform(log.seed, "logged", pages.who[page], milliseconds(pages.at[page]))
    none = pa.nulls(len(page))
    columns = {
        "request_id": log.requests.take(pa.array(page)),
        "video_id": log.videos.at(pages.feed[page, place]),
        "user_id": log.users.at(pages.who[page]),
        "event_time": moments(pages.at[page]),
        "received_at": moments(sent),
        "position": pa.array(place + 1, mask=unplaced[page]),
        "device": pa.array(DEVICES).take(pa.array(pages.device[page])),
        "variant": variant.take(pa.array(page)),
        "release": none,
        "served_by": none,
        "source": none,
        "propensity": pa.array(propensity[page, place], from_pandas=True),
        "score": none,
        "served_features": none,
    }
    return _table(columns, IMPRESSIONS.schema)


def engagements(log: Log, pages: Pages, done: Outcomes) -> pa.Table:
    """One row for every action, in order of receipt."""
    flags = {action: done.click if action == "watch" else getattr(done, action) for action in ACTIONS}
    action, page, place = np.nonzero(np.stack([flags[a] for a in ACTIONS]))
    watch, click = action == ACTIONS.index("watch"), action == ACTIONS.index("click")
    ended = done.ended_at[page, place]
    happened = np.where(watch, pages.at[page], np.where(click, done.opened_at[page, place], ended))
    known_at = np.where(click, happened, ended) + delay(pages, log.late, log.seed)[page, action]
    requests, action_names = log.requests.take(pa.array(page)), pa.array(ACTIONS).take(pa.array(action))
    columns = {
        "event_id": pc.binary_join_element_wise(requests, pa.array(place + 1).cast(pa.string()), action_names, "-"),
        "request_id": requests,
        "user_id": log.users.at(pages.who[page]),
        "video_id": log.videos.at(pages.feed[page, place]),
        "action": action_names,
        "watch_seconds": pa.array(done.watched[page, place], mask=~watch),
        "long_view": pa.nulls(len(page)),
        "event_time": moments(happened),
        "received_at": moments(known_at),
    }
    table = _table(columns, ENGAGEMENTS.schema)
    return table.take(pc.sort_indices(table, [("received_at", "ascending"), ("event_id", "ascending")]))


def delay(pages: Pages, late: float, seed: int) -> Float64s:
    """(pages, actions) seconds until an action is known: a few, or minutes to days for a page read offline.

    Being offline has a median of 1.5 hours and is log-normal: one time in twenty it lasts longer than 20 hours.
    """
    moment = milliseconds(pages.at)
    offline = uniform(seed, "offline", pages.who, moment) < late
    hours = 1.5 * np.exp(1.6 * normal(seed, "hours", pages.who, moment))
    wait = np.where(offline, 3600 * np.clip(hours, 0.1, 60), 0.0)
    actions = np.arange(len(ACTIONS))[None, :]
    network: Float64s = 0.1 - 1.2 * np.log1p(-uniform(seed, "network", pages.who[:, None], moment[:, None], actions))
    return wait[:, None] + network


def milliseconds(at: Float64s) -> Float64s:
    """Whole milliseconds, by which moments are told apart when luck is drawn."""
    return np.round(at * 1000)


def _table(columns: Mapping[str, Any], schema: pa.Schema) -> pa.Table:
    return pa.Table.from_arrays([columns[field.name].cast(field.type) for field in schema], schema=schema)
