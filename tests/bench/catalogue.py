"""A made-up platform for measuring: videos, users with tastes of their own, and every state the feed reads of them.

Sizes and skews are a real platform's in kind: few videos get most views, a user knows a dozen topics and some sixty
creators, a few per cent of what is described has gaps. Everything follows from the seed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from feature_repo.definition import CounterView
from feature_repo.systems.home_feed import HOME_FEED_FEATURES as FEATURES
from feature_repo.systems.home_feed import LENGTHS_S
from validation.systems.home_feed import AGES, DEVICES

NOW = datetime(2026, 5, 3, 12, 0, tzinfo=UTC)
AT = NOW.timestamp() - 60.0  # when all states were published
CATEGORIES = tuple(f"topic{i:02d}" for i in range(20))
REGIONS = ("north", "south", "east", "west")
LANGUAGES = ("en", "fr", "de", "es", "pt", "ja")
LENGTHS = (*(f"to_{s}s" for s in LENGTHS_S), "longer", "unknown")
SHARE = {"1h": 0.02, "1d": 0.2, "7d": 0.6, "30d": 1.0, "3650d": 1.0}  # of a month's activity, by half-life
LIKED, FOLLOWED = 12, 60  # topics and creators a user has watched
Ints = NDArray[np.int64]
Reals = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scale:
    """How large the platform is, how many rows its model is trained on, and how many trees of which depth it has."""

    videos: int = 200_000
    users: int = 20_000
    rows: int = 60_000
    trees: int = 300
    depth: int = 6
    seed: int = 7

    @property
    def creators(self) -> int:
        """A creator has 25 videos on average."""
        return max(FOLLOWED * 2, self.videos // 25)


@dataclass(frozen=True, slots=True)
class States:
    """The published counters of one view: `keys` holds an index array per join key, `values` is (rows, counters)."""

    view: CounterView
    keys: tuple[Ints, ...]
    values: NDArray[np.float32]


class Catalogue:
    """Everything there is, as arrays; entities are numbers here and get their names in `names`."""

    def __init__(self, scale: Scale) -> None:
        self.scale = scale
        draw = self._draw = np.random.default_rng(scale.seed)
        videos, users = scale.videos, scale.users
        self.category = _skewed(draw, len(CATEGORIES), videos)
        self.creator = _skewed(draw, scale.creators, videos)
        self.duration = np.where(draw.random(videos) < 0.02, np.nan, np.round(draw.lognormal(3.5, 0.9, videos), 1) + 3)
        self.length = np.where(
            np.isnan(self.duration), len(LENGTHS) - 1, np.searchsorted(LENGTHS_S, np.nan_to_num(self.duration))
        )
        self.spoken = draw.integers(len(LANGUAGES), size=videos)
        self.only_in = np.where(draw.random(videos) < 0.1, draw.integers(len(REGIONS), size=videos), -1)
        self.live = draw.random(videos) < 0.97
        self.uploaded = AT - draw.exponential(20 * 86_400, videos)
        self.region = draw.integers(len(REGIONS), size=users)
        self.reads = draw.integers(len(LANGUAGES), size=users)
        self.device = draw.integers(len(DEVICES), size=users)
        self.signup = AT - draw.exponential(300 * 86_400, users)
        self.topics = draw.random((users, len(CATEGORIES))).argsort(axis=1)[:, :LIKED]
        self.known = np.sort(_skewed(draw, scale.creators, users * FOLLOWED).reshape(users, FOLLOWED), axis=1)
        self.states: Mapping[str, States] = {view.name: self._state(view) for view in FEATURES.counter_views}

    @cached_property
    def names(self) -> Mapping[str, NDArray[Any]]:
        """What each entity is called, by join key."""
        return {
            "user_id": np.array([f"u{i:06d}" for i in range(self.scale.users)], dtype=object),
            "video_id": np.array([f"v{i:07d}" for i in range(self.scale.videos)], dtype=object),
            "creator_id": np.array([f"c{i:05d}" for i in range(self.scale.creators)], dtype=object),
            "category": np.array(CATEGORIES, dtype=object),
            "region": np.array(REGIONS, dtype=object),
            "length_class": np.array(LENGTHS, dtype=object),
        }

    def fields(self, view: str) -> Mapping[str, Any]:
        """The attributes of a profile view, a column each; unknown ones are None or NaN."""
        if view == "video_profile":
            everywhere: list[list[str]] = [[], *([name] for name in REGIONS)]
            return {
                "creator_id": self.names["creator_id"][self.creator],
                "category": self.names["category"][self.category],
                "length_class": self.names["length_class"][self.length],
                "language": np.array(LANGUAGES, dtype=object)[self.spoken],
                "regions": [everywhere[i + 1] for i in self.only_in],
                "status": np.where(self.live, "live", "removed").astype(object),
                "age_rating": np.full(self.scale.videos, AGES[0], dtype=object),
                "uploaded_at": self.uploaded.astype(np.int64),
                "duration_s": self.duration.astype(np.float32),
            }
        return {
            "region": self.names["region"][self.region],
            "language": np.array(LANGUAGES, dtype=object)[self.reads],
            "device": np.array(DEVICES, dtype=object)[self.device],
            "age_group": np.full(self.scale.users, AGES[-1], dtype=object),
            "status": np.full(self.scale.users, "active", dtype=object),
            "signup_at": self.signup.astype(np.int64),
        }

    def _state(self, view: CounterView) -> States:
        keys = self._keys(view.keys)
        rows, draw = len(keys[0]), self._draw
        quality = draw.beta(2, 3, rows)
        activity = draw.lognormal(6.0 if view.name in {"creator", "category", "length"} else 3.5, 1.2, rows)
        values = np.stack([_counted(name, activity, quality, draw) for name in view.counters], axis=1)
        done = values.any(axis=1)  # nobody has a record of what was never done
        return States(view, tuple(key[done] for key in keys), values[done])

    def _keys(self, keys: tuple[str, ...]) -> tuple[Ints, ...]:
        users = np.arange(self.scale.users)
        many = {"region": len(REGIONS), "category": len(CATEGORIES), "length_class": len(LENGTHS)}
        many |= {"user_id": len(users), "video_id": self.scale.videos, "creator_id": self.scale.creators}
        match keys:
            case ("user_id", "category"):
                return np.repeat(users, LIKED), self.topics.reshape(-1)
            case ("user_id", "creator_id"):
                return np.repeat(users, FOLLOWED), self.known.reshape(-1)
            case (one,):
                return (np.arange(many[one]),)
        first, second = np.meshgrid(*(np.arange(many[key]) for key in keys), indexing="ij")
        return first.reshape(-1), second.reshape(-1)


def _counted(name: str, activity: Reals, quality: Reals, draw: np.random.Generator) -> NDArray[np.float32]:
    """One counter of many entities that are seen so often and liked so much."""
    signal, _, label = name.rpartition("_")
    rate: Any = {
        "shown": 1.0, "click": 0.3 + 0.5 * quality, "long_view": quality, "watched": 30 * quality, "measured": 0.9,
        "completed": 0.9 * quality, "praise": 0.1 * quality, "reject": 0.02 * (1 - quality),
    }.get(signal)  # fmt: skip
    if rate is None:  # followed or blocked: done once, or not
        counted = (draw.random(len(activity)) < (0.1 if signal == "follow" else 0.01)).astype(np.float64)
    else:
        counted = activity * SHARE[label] * rate * draw.uniform(0.8, 1.2, len(activity))
    return counted.astype(np.float32)


def _skewed(draw: np.random.Generator, many: int, size: int) -> Ints:
    """Indexes of which the first are drawn much more often than the last."""
    return np.minimum((draw.random(size) ** 2 * many).astype(np.int64), many - 1)
