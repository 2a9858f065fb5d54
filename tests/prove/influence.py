"""How far colluding users lift a median video in trending, with and without the cap on what one user adds."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from feature_repo.definition import FeatureSet
from feature_repo.folding import Burst, publish_states
from infra.lake import Lake, days_from
from infra.settings import Settings
from infra.spark import session
from orchestration.sources.simulator import Scale, World
from orchestration.systems.home_feed import HOME_FEED
from serving.systems.home_feed import RELEASE
from tests.prove.section import Proof, Section
from validation.contract import Table
from validation.verdict import markdown

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SCALE = Scale(days=5, impressions=86_000)
SHARES = (0.001, 0.01, 0.05)
VIEWS = (1, 50)
OLD, NEW = "of their own, in use", "made an hour before"
ATTACK_S = 7200.0  # before the end: the counters are read at the end
TABLES = {table.name: table for table in HOME_FEED.tables}
VIEW, _, COUNTER = RELEASE.trending.partition(".")
CAPPED = replace(HOME_FEED.features, counter_views=(HOME_FEED.features.counter_view(VIEW),), features=(), ever_done=())
RAW = replace(CAPPED, influence=None, counter_views=(replace(CAPPED.counter_view(VIEW), capped=False),))


@dataclass(frozen=True, slots=True)
class Ring:
    """Colluding users: how many, with which accounts, how often each views its video."""

    share: float
    views: int
    accounts: str
    users: tuple[str, ...]
    video: str


@dataclass(frozen=True)
class Platform:
    """A simulated platform whose rows are accepted; `moment` is when trending is read."""

    spark: "SparkSession"
    lake: Lake
    scale: Scale

    @property
    def moment(self) -> datetime:
        """The end of the last day."""
        return self.scale.end

    def add(self, table: Table, rows: pa.Table) -> None:
        """Rows as accepted, on the days on which they were received; later ones are not there yet."""
        days = pc.cast(rows[table.received_time], pa.date32())
        for day in days_from(self.scale.start.date(), (self.moment - timedelta(days=1)).date()):
            self.lake.append(f"tables/{table.name}", day, rows.filter(pc.equal(days, pa.scalar(day))))

    def trending(self, features: FeatureSet) -> "tuple[pd.Series[float], tuple[Burst, ...]]":
        """The counter that trending is ordered by, of each video as of the end; and the bursts of all days."""
        first, last = self.scale.start.date(), (self.moment - timedelta(days=1)).date()
        facts = publish_states(self.spark, self.lake, features, TABLES, first, last)
        view = features.counter_view(VIEW)
        rows = self.lake.read(f"states/{VIEW}", columns=[*view.keys, "published_at", COUNTER]).to_pandas()
        newest = rows.sort_values("published_at").drop_duplicates(view.keys[0], keep="last").set_index(view.keys[0])
        age = (pd.Timestamp(self.moment) - newest["published_at"]).dt.total_seconds()
        half_life = dict(zip(view.counters, view.half_lives, strict=True))[COUNTER]
        return newest[COUNTER] * np.exp2(-age / half_life), facts.bursts


def measure(folder: Path, scale: Scale = SCALE, shares: Sequence[float] = SHARES) -> Proof:
    """Every ring on a median video of its own, on one platform, folded with and without the cap."""
    world = World.make(scale)
    platform = Platform(session(Settings(home=folder / "spark")), Lake(folder / "lake"), scale)
    for table, rows in world.history():
        platform.add(table, rows)
    before = {True: platform.trending(CAPPED), False: platform.trending(RAW)}
    rings = list(made_rings(world, before[True][0], shares))
    for name, rows in attack(rings, platform.moment).items():
        platform.add(TABLES[name], rows)
    after = {False: platform.trending(RAW), True: platform.trending(CAPPED)}
    videos = [ring.video for ring in rings]
    ranks = {
        (capped, when): places(counters[0], before[capped][0].drop(videos), videos)
        for when, of in (("before", before), ("after", after))
        for capped, counters in of.items()
    }
    added = [after[True][0][video] - before[True][0].get(video, 0.0) for video in videos]
    named = {burst.item for burst in after[True][1]}
    rows = [
        (f"{ring.share:.1%}", str(len(ring.users)), ring.accounts, str(ring.views),
         *(f"{ranks[capped, when][i]:,}" for capped in (False, True) for when in ("before", "after")),
         "yes" if ring.video in named else "no")
        for i, ring in enumerate(rings)
    ]  # fmt: skip
    return _proof(scale, rings, added, rows, {burst.item for burst in before[True][1]})


def places(counters: "pd.Series[float]", others: "pd.Series[float]", videos: Sequence[str]) -> list[int]:
    """The rank of each video among others that nobody pushed."""
    ordered = np.sort(others.to_numpy())
    above = [len(ordered) - np.searchsorted(ordered, counters.get(video, 0.0), side="right") for video in videos]
    return [int(count) + 1 for count in above]


def made_rings(world: World, counters: "pd.Series[float]", shares: Sequence[float]) -> Iterator[Ring]:
    """A ring for each share, number of views and kind of account, on the videos in the middle of trending."""
    kinds = list(product(shares, VIEWS, (OLD, NEW)))
    counters = counters[counters > 0]
    middle = len(counters) // 2 - len(kinds) // 2
    videos = counters.sort_values(kind="stable").index[middle : middle + len(kinds)]
    settled = [str(user) for user in world.active_users(world.scale.days - 1)]
    settled += [str(user) for user in world.active_users(0) if user not in settled]
    for number, ((share, views, accounts), video) in enumerate(zip(kinds, videos, strict=True)):
        count = max(1, round(share * world.scale.users))
        users = settled[-count:] if accounts == OLD else [f"ring-{number}-{i}" for i in range(count)]
        yield Ring(share, views, accounts, tuple(users), str(video))


def attack(rings: Sequence[Ring], end: datetime) -> Mapping[str, pa.Table]:
    """The rows of the rings: their new accounts, and every view, as a client would send it."""
    start = end - timedelta(seconds=ATTACK_S)
    signup = start - timedelta(hours=1)
    users = [
        {"user_id": user, "signup_at": signup, "region": "north", "language": "en", "device": "phone",
         "age_group": "18", "status": "active", "event_time": signup, "received_at": signup}
        for ring in rings if ring.accounts == NEW for user in ring.users
    ]  # fmt: skip
    views = [
        {"event_id": f"ring-{number}-{user}-{view}", "user_id": user, "video_id": ring.video, "action": "watch",
         "watch_seconds": 120.0, "event_time": at, "received_at": at + timedelta(seconds=1)}
        for number, ring in enumerate(rings) for user in ring.users for view in range(ring.views)
        for at in [start + timedelta(seconds=view * ATTACK_S / 60)]
    ]  # fmt: skip
    return {
        name: pa.Table.from_pylist(rows, TABLES[name].schema)
        for name, rows in (("users", users), ("engagements", views))
    }


def _proof(
    scale: Scale, rings: Sequence[Ring], added: Sequence[float], rows: Sequence[Sequence[str]], named_before: set[str]
) -> Proof:
    """The section: the bound holds when more views add no more, and when every ring that came often is named."""
    by_kind = {(ring.share, ring.accounts, ring.views): more for ring, more in zip(rings, added, strict=True)}
    often = max(VIEWS)
    adds_no_more = all(np.isclose(more, by_kind[*kind, min(VIEWS)], rtol=1e-3) for (*kind, _), more in by_kind.items())
    a_user = {kind: max(m / len(r.users) for r, m in zip(rings, added, strict=True) if r.accounts == kind)
              for kind in (OLD, NEW)}  # fmt: skip
    named = all(row[-1] == "yes" for row, ring in zip(rows, rings, strict=True) if ring.views == often)
    held = adds_no_more and named and not named_before and max(a_user.values()) <= 1
    head = (
        f"{scale.users:,} users, {scale.videos:,} videos, {scale.days} days. A ring views one video in the middle of "
        f"trending during the last two hours. The rank is that of the counter `{RELEASE.trending}`, by which trending "
        "is ordered, among all videos that nobody pushed; before and after, as counters were without the cap "
        f"and as they are. Without a ring {len(named_before)} items are named as bursts."
    )
    ranked = ("before, no cap", "after, no cap", "before", "after")
    table = markdown(("of all users", "users", "accounts", "views each", *ranked, "named"), rows)
    bound = (
        f"The bound: *n* users add at most *n* to a counter of an item in a day. At the end a user of a ring had added "
        f"{a_user[OLD]:.2f} with an account in use, {a_user[NEW]:.2f} with a new one, by {often} views as by one."
    )
    return Proof(f"{head}\n\n{table}\n\n{bound}", held)


INFLUENCE = Section("influence", "What a ring of users can do to trending", measure)
