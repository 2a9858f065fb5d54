"""Descriptions of users and videos: the first at their birth, another when something about them changes."""

import numpy as np
import pyarrow as pa

from infra.arrays import Float64s, Int64s
from orchestration.sources.kit import EntityIds, numbered, uniform
from orchestration.sources.simulator.catalogue import Videos
from orchestration.sources.simulator.people import LANGUAGES, UNKNOWN_AGE, Users
from orchestration.sources.simulator.rows import moments
from orchestration.sources.simulator.scale import Scale
from orchestration.sources.simulator.truth import Platform
from validation.systems.home_feed import ACCOUNTS, AGES, DEVICES, STATUSES
from validation.systems.home_feed import USERS as USER_TABLE
from validation.systems.home_feed import VIDEOS as VIDEO_TABLE

REGIONS = ("north", "south", "east", "west", "coast", "hills", "lakes", "isles")
REMOVED = 0.2  # share of videos that are removed at the end of their life; the others are made private


def region_names(count: int) -> pa.Array:
    """Names of the regions."""
    return pa.array([REGIONS[i] if i < len(REGIONS) else f"region_{i + 1}" for i in range(count)])


def describe_users(names: EntityIds, users: Users, scale: Scale, window: tuple[float, float]) -> pa.Table:
    """What became known about users within the window; older users become known at the start of the world."""
    everyone = np.arange(len(users.region))
    first, later, left = (
        everyone,
        np.flatnonzero(np.isfinite(users.later_at)),
        np.flatnonzero(np.isfinite(users.left_at)),
    )
    who = np.concatenate([first, later, left])
    at = np.concatenate([users.signup_at[first], users.later_at[later], users.left_at[left]])
    again = np.repeat([False, True, False], [len(first), len(later), len(left)])
    over = np.repeat([False, False, True], [len(first), len(later), len(left)])
    known_at = _known_at(at, scale, "users", who)
    keep = np.flatnonzero((known_at >= window[0]) & (known_at < window[1]))
    keep = keep[np.argsort(known_at[keep], kind="stable")]
    who, again, over, at, known_at = who[keep], again[keep], over[keep], at[keep], known_at[keep]
    age = users.age[who]
    return pa.table(
        [
            names.at(who),
            moments(users.signup_at[who]),
            region_names(scale.regions).take(pa.array(users.region[who])),
            _language(users.language[who]),
            pa.array(DEVICES).take(pa.array(np.where(again, users.later[who], users.device[who]))),
            pa.array(AGES).take(pa.array(age, mask=age == UNKNOWN_AGE)),
            pa.array(ACCOUNTS).take(pa.array(over.astype(np.int64))),
            moments(at),
            moments(known_at),
        ],
        schema=USER_TABLE.schema,
    )


def describe_videos(names: EntityIds, platform: Platform, scale: Scale, window: tuple[float, float]) -> pa.Table:
    """What became known about videos within the window: their birth, and their end."""
    videos = platform.videos
    everything = np.arange(len(videos.born))
    what = np.concatenate([everything, everything])
    over = np.arange(len(what)) >= len(everything)
    at = np.where(over, videos.gone[what], videos.born[what])
    known_at = _known_at(at, scale, "videos", what)
    keep = np.flatnonzero((known_at >= window[0]) & (known_at < window[1]))
    keep = keep[np.argsort(known_at[keep], kind="stable")]
    what, over, at, known_at = what[keep], over[keep], at[keep], known_at[keep]
    fate = np.where(uniform(scale.seed, "fate", what) < REMOVED, STATUSES.index("removed"), STATUSES.index("private"))
    status = np.where(over, fate, STATUSES.index("live"))
    return pa.table(
        [
            names.at(what),
            creator_ids(videos.creator[what]),
            pa.array(platform.categories.names).take(pa.array(videos.category[what])),
            pa.array(videos.duration[what].astype(np.float32), mask=videos.unknown[what]),
            _language(videos.language[what]),
            _regions(videos, what, scale),
            moments(videos.born[what]),
            pa.array(STATUSES).take(pa.array(status)),
            pa.array(AGES).take(pa.array(videos.rating[what])),
            moments(at),
            moments(known_at),
        ],
        schema=VIDEO_TABLE.schema,
    )


def creator_ids(creator: Int64s) -> pa.Array:
    """Ids of creators, by place."""
    return numbered("c", creator, 5)


def _known_at(at: Float64s, scale: Scale, channel: str, entity: Int64s) -> Float64s:
    """When each description becomes known: seconds after it became true, or at the start of the world if older."""
    delay = 1 + 9 * uniform(scale.seed, f"{channel} told", entity, np.nan_to_num(at, posinf=0))
    return np.where(at < scale.begin, scale.begin, at + delay)


def _language(codes: Int64s) -> pa.Array:
    return pa.array(LANGUAGES).take(pa.array(codes))


def _regions(videos: Videos, what: Int64s, scale: Scale) -> pa.Array:
    """The regions a video is limited to; none means everywhere."""
    allowed = videos.allowed[what] & ~np.all(videos.allowed[what], axis=1, keepdims=True)
    row, region = np.nonzero(allowed)
    offsets = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=len(what)))]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), region_names(scale.regions).take(pa.array(region)))
