"""What each source of candidates gives: how many, how good, and how many of them are shown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from infra.arrays import Bools, Float64s, Int64s
from infra.statistics import Interval, interval
from orchestration.funnel.figures import Feeds, watched
from orchestration.sources.simulator import World
from serving.definition import Policy
from serving.items import ItemStates
from serving.page import Page

EVERY = "all sources"
TOP = 500  # how many of the truly best videos ought to be among the candidates
Sources = Mapping[str, Mapping[str, Interval]]


@dataclass(frozen=True, slots=True)
class UserVideos:
    """Videos of all users in one list: the user, the video, and the place of the source that found it first."""

    user: Int64s
    video: Int64s
    source: Int64s


def describe(
    world: World, policy: Policy, states: ItemStates, users: Sequence[str], pages: Sequence[Page], seed: int
) -> Sources:
    """Every figure of every source, and of all of them together, each with its interval."""
    feeds = Feeds.of(world, users, [page.items for page in pages], [page.at for page in pages])
    offered, shown = candidates(world, states, pages), on_pages(policy, feeds, pages)
    best = np.stack([truly_best(world, user, page.at) for user, page in zip(users, pages, strict=True)])
    top = _among(offered, best)
    worth = world.utility(feeds.who[offered.user], offered.video, feeds.at[offered.user])
    long = watched(world, feeds, seed)[feeds.filled]

    def figures_of(place: int | None) -> Mapping[str, Interval]:
        from_source, placed = _of(offered, place), _of(shown, place)
        return {
            "candidates": interval(_count(offered, from_source, len(users)), seed),
            "true utility": interval(worth[from_source], seed, clusters=offered.user[from_source]),
            "recall": interval(_count(offered, from_source & top, len(users)) / best.shape[1], seed),
            "shown": interval(placed.astype(np.float64), seed, clusters=shown.user),
            "long views": interval(placed[long].astype(np.float64), seed, clusters=shown.user[long]),
        }

    named: dict[str, int | None] = {source.name: place for place, source in enumerate(policy.release.sources)}
    return {name: figures_of(place) for name, place in {**named, EVERY: None}.items()}


def candidates(world: World, states: ItemStates, pages: Sequence[Page]) -> UserVideos:
    """What each page was chosen from."""
    retrieved = [page.candidates for page in pages if page.candidates is not None]
    videos = [world.videos.places(states.names(retrieval.rows)) for retrieval in retrieved]
    user = np.repeat(np.arange(len(videos)), [len(part) for part in videos])
    return UserVideos(
        user, np.concatenate(videos), np.concatenate([retrieval.sources for retrieval in retrieved]).astype(np.int64)
    )


def on_pages(policy: Policy, feeds: Feeds, pages: Sequence[Page]) -> UserVideos:
    """What was shown."""
    names = {source.name: place for place, source in enumerate(policy.release.sources)}
    user = np.nonzero(feeds.filled)[0]
    return UserVideos(
        user, feeds.shown[feeds.filled], np.array([names[str(s)] for page in pages for s in page.sources])
    )


def truly_best(world: World, user: str, at: float) -> Int64s:
    """(TOP,) the live videos that are worth most to a user."""
    best: Int64s = world.videos.places(world.best(user, at, TOP))
    return best


def _among(offered: UserVideos, best: Int64s) -> Bools:
    """Whether each video is one of its user's best."""
    most = int(max(offered.video.max(initial=0), best.max(initial=0))) + 1
    best_keys = (np.arange(len(best))[:, None] * most + best).ravel()
    among: Bools = np.isin(offered.user * most + offered.video, best_keys)
    return among


def _count(offered: UserVideos, which: Bools, users: int) -> Float64s:
    """(users,) how many of each user's videos are among those marked."""
    counts: Float64s = np.bincount(offered.user[which], minlength=users).astype(np.float64)
    return counts


def _of(offered: UserVideos, place: int | None) -> Bools:
    """Which came from a source; all of them without one."""
    from_source: Bools = np.ones(len(offered.user), dtype=bool) if place is None else offered.source == place
    return from_source
