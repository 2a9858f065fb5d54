"""What each source of candidates gives: how many, how good, and what becomes of them."""

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
class Given:
    """Videos of all users in one line: whose each is, which one, and the place of the source that found it first."""

    user: Int64s
    video: Int64s
    source: Int64s


def describe(
    world: World, policy: Policy, states: ItemStates, users: Sequence[str], pages: Sequence[Page], seed: int
) -> Sources:
    """Every figure of every source, and of all of them together, each with its interval."""
    feeds = Feeds.of(world, users, [page.items for page in pages], [page.at for page in pages])
    given, shown = candidates(world, states, pages), on_pages(policy, feeds, pages)
    best = np.stack([truly_best(world, user, page.at) for user, page in zip(users, pages, strict=True)])
    top = _among(given, best)
    worth = world.utility(feeds.who[given.user], given.video, feeds.at[given.user])
    long = watched(world, feeds, seed)[feeds.filled]

    def one(place: int | None) -> Mapping[str, Interval]:
        mine, placed = _of(given, place), _of(shown, place)
        return {
            "candidates": interval(_count(given, mine, len(users)), seed),
            "true utility": interval(worth[mine], seed, clusters=given.user[mine]),
            "recall": interval(_count(given, mine & top, len(users)) / best.shape[1], seed),
            "shown": interval(placed.astype(np.float64), seed, clusters=shown.user),
            "long views": interval(placed[long].astype(np.float64), seed, clusters=shown.user[long]),
        }

    named: dict[str, int | None] = {source.name: place for place, source in enumerate(policy.release.sources)}
    return {name: one(place) for name, place in {**named, EVERY: None}.items()}


def candidates(world: World, states: ItemStates, pages: Sequence[Page]) -> Given:
    """What each page was chosen from."""
    found = [page.found for page in pages if page.found is not None]
    videos = [world.videos.places(states.names(one.rows)) for one in found]
    user = np.repeat(np.arange(len(videos)), [len(part) for part in videos])
    return Given(user, np.concatenate(videos), np.concatenate([one.sources for one in found]).astype(np.int64))


def on_pages(policy: Policy, feeds: Feeds, pages: Sequence[Page]) -> Given:
    """What was shown."""
    names = {source.name: place for place, source in enumerate(policy.release.sources)}
    user = np.nonzero(feeds.filled)[0]
    return Given(user, feeds.shown[feeds.filled], np.array([names[str(s)] for page in pages for s in page.sources]))


def truly_best(world: World, user: str, at: float) -> Int64s:
    """(TOP,) the live videos that are worth most to a user."""
    best: Int64s = world.videos.places(world.best(user, at, TOP))
    return best


def _among(given: Given, best: Int64s) -> Bools:
    """Whether each video is one of its user's best."""
    most = int(max(given.video.max(initial=0), best.max(initial=0))) + 1
    wanted = (np.arange(len(best))[:, None] * most + best).ravel()
    found: Bools = np.isin(given.user * most + given.video, wanted)
    return found


def _count(given: Given, which: Bools, users: int) -> Float64s:
    """(users,) how many of each user's videos are among those marked."""
    counts: Float64s = np.bincount(given.user[which], minlength=users).astype(np.float64)
    return counts


def _of(given: Given, place: int | None) -> Bools:
    """Which came from a source; all of them without one."""
    mine: Bools = np.ones(len(given.user), dtype=bool) if place is None else given.source == place
    return mine
