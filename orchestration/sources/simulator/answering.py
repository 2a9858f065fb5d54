"""Feeds from outside the simulator as pages that its users can answer."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from infra.arrays import Float64s, Int64s
from infra.errors import DefinitionError
from orchestration.sources.kit import EntityIds
from orchestration.sources.simulator.behaviour import NOBODY, Pages
from orchestration.sources.simulator.truth import Platform
from validation.systems.home_feed import DEVICES

Feed = Sequence[str] | Int64s | Any


def pages_of(
    platform: Platform,
    videos: EntityIds,
    who: Int64s,
    feeds: Sequence[Feed],
    *,
    at: Float64s,
    device: Int64s,
    earlier: Sequence[Sequence[Feed]],
) -> Pages:
    """One page for each user; `earlier` are the pages that the user's session has already shown."""
    feed = np.full((len(feeds), max((len(f) for f in feeds), default=0)), NOBODY, dtype=np.int64)
    for row, shown in enumerate(feeds):
        feed[row, : len(shown)] = videos.places(list(shown))
    recent = np.stack([topics(platform, videos, pages) for pages in earlier])
    return Pages(who, at, device, feed, np.array([len(pages) for pages in earlier]), recent)


def topics(platform: Platform, videos: EntityIds, pages: Sequence[Feed]) -> Float64s:
    """(topics,) how many videos of each topic some pages held."""
    shown = [place for page in pages for place in videos.places(list(page))]
    counts = np.bincount(platform.videos.category[shown], minlength=len(platform.categories.names))
    return counts.astype(np.float64)


def devices(platform: Platform, who: Int64s, at: Float64s, device: str | None) -> Int64s:
    """The device each user is on: the one said, or else the one the user uses most."""
    if device is None:
        return platform.users.usual_device(who, at)
    if device not in DEVICES:
        raise DefinitionError(f"device `{device}` is not one of {', '.join(DEVICES)}")
    return np.full(len(who), DEVICES.index(device))
