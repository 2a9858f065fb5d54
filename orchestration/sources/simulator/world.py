"""A simulated video platform: its past as events, its truth as utility, its users as an answer to any feed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import ArrayLike

from infra.arrays import Bools, Float64s, Int64s
from infra.errors import DefinitionError
from orchestration.sources.kit import EntityIds, Ids, names, numbered, uniform
from orchestration.sources.simulator import catalogue, people
from orchestration.sources.simulator.answering import Feed, devices, pages_of
from orchestration.sources.simulator.behaviour import act
from orchestration.sources.simulator.categories import make_categories
from orchestration.sources.simulator.descriptions import describe_users, describe_videos, region_names
from orchestration.sources.simulator.events import Events, none
from orchestration.sources.simulator.history import Past, ShownPages, joined, shown_between
from orchestration.sources.simulator.popular_mix import VARIANTS
from orchestration.sources.simulator.reading import PageShown, Reading, best_page, expected_grade, read
from orchestration.sources.simulator.rows import Log, engagements, impressions, milliseconds
from orchestration.sources.simulator.scale import DAY, Scale, Shift
from orchestration.sources.simulator.sessions import Sessions, sessions_of
from orchestration.sources.simulator.truth import Platform, odds, pair


@dataclass(frozen=True)
class World:
    """One platform, wholly determined by its scale and its shift.

    Moments are seconds since the epoch; users and videos are given by id, or by place.
    """

    scale: Scale
    platform: Platform
    users: EntityIds
    videos: EntityIds
    shift: Shift | None = None

    @classmethod
    def make(cls, scale: Scale | None = None) -> "World":
        """The world of that scale and seed."""
        scale = scale or Scale()
        topics = make_categories(scale.categories, scale.seed)
        users, videos = people.make_users(scale), catalogue.make_videos(scale, topics)
        platform = Platform(scale.seed, topics, users, videos, scale.steep)
        return cls(scale, platform, names("user", len(users.region), 6), names("video", len(videos.born), 7))

    def drifted(
        self,
        at: float,
        *,
        tastes: float = 0.0,
        lengths: float = 1.0,
        unknown_lengths: float = 0.0,
        unplaced: float = 0.0,
    ) -> "World":
        """The same world until `at`, and another one from then on: see Shift for what may change."""
        shift = Shift(at, tastes, lengths, unknown_lengths, unplaced)
        users = people.shifted(self.platform.users, shift, self.scale.seed)
        videos = catalogue.shifted(self.platform.videos, shift, self.scale.seed)
        return replace(self, platform=replace(self.platform, users=users, videos=videos), shift=shift)

    def history(self, first_day: int = 0, days: int | None = None, after: Events | None = None) -> Events:
        """The clean rows of some days, as they came about under the policy before any model.

        Left out, `days` are all that the scale has. To continue, pass the first day not yet told and, as `after`, the
        rows of the days before it.
        """
        scale, platform = self.scale, self.platform
        until = first_day + (scale.days - first_day if days is None else days)
        if until > scale.days + scale.ahead:
            raise DefinitionError(
                f"day {until - 1} lies beyond the {scale.days} + {scale.ahead} days of this world. "
                "Make it with a larger `ahead`."
            )
        described = self.described(first_day, until - first_day)
        past = self._past(after) if after else None
        blocks = list(shown_between(platform, scale, range(first_day, until), past))
        return self._logged(joined(blocks), f"h{first_day:03d}-", described) if blocks else described

    def described(self, first_day: int, days: int) -> Events:
        """What becomes known about videos and users on some days; nothing is shown to anybody."""
        first, last = self.scale.begin + first_day * DAY, self.scale.begin + (first_day + days) * DAY
        return replace(
            none(),
            videos=describe_videos(self.videos, self.platform, self.scale, (first, last)),
            users=describe_users(self.users, self.platform.users, self.scale, (first, last)),
        )

    def region_name(self, region: int) -> str:
        """The name of a region, by place."""
        return str(region_names(self.scale.regions)[region])

    def sessions(self, day: int) -> Sessions:
        """The sessions of a day: who comes when, on which device, for how many pages."""
        return sessions_of(self.scale, self.platform.users, day)

    def read(self, page: PageShown, seed: int) -> Reading:
        """What a user does with one page, when the user is through with it, and what it was truly worth."""
        return read(self.platform, (self.users, self.videos), page, self.scale.late, seed)

    def worth(self, page: PageShown) -> float:
        """What a page is truly worth to the user to whom it would be shown: see `expected_grade`."""
        return float(expected_grade(self.platform, page.as_pages(self.platform))[0])

    def best_page(self, page: PageShown, among: Int64s, places: int) -> Int64s:
        """The page an oracle would show in place of this one: see `best_page`."""
        return best_page(self.platform, page, among, places)

    def utility(self, users: ArrayLike, videos: ArrayLike, at: ArrayLike, device: str | None = None) -> Float64s:
        """Expected grade of each pair if it is looked at in a fresh session; the arguments broadcast.

        Without a device each user is on the one used most. A video that may not be shown then (unborn, gone, not for
        the user's region) is worth nothing.
        """
        moments = np.asarray(at, dtype=np.float64)
        arrays = np.broadcast_arrays(self.users.places(users), self.videos.places(videos), moments)
        who, what, when = (a.ravel() for a in arrays)
        fit = pair(self.platform, who, what, when, devices(self.platform, who, when, device))
        worth: Float64s = np.where(self.platform.may_show(who, what, when), odds(fit).utility(), 0.0)
        return worth.reshape(arrays[0].shape)

    def best(
        self, user: str | int, at: float, limit: int = 10, among: Feed | None = None, *, device: str | None = None
    ) -> Ids:
        """The feed an oracle would show: ids of highest true utility among those given, or else among all live."""
        ids = self.live_videos(at, user) if among is None else np.asarray(among, dtype=np.str_)
        order = np.argsort(-self.utility(user, ids, at, device), kind="stable")
        return ids[order[:limit]]

    def live_videos(self, at: float, user: str | int | None = None) -> Ids:
        """Ids of the videos that may be shown at a moment (to a user, if one is given), oldest first."""
        live = self.platform.videos.live(at)
        if user is not None:
            live = live[self.platform.may_show(self.users.places(user), live, np.float64(at))]
        return self.videos.listed(live)

    def active_users(self, day: int) -> Ids:
        """Ids of the users who come on a day, most pages first."""
        sessions = sessions_of(self.scale, self.platform.users, day)
        pages = np.bincount(sessions.who, weights=sessions.pages, minlength=self.scale.users)
        order = np.argsort(-pages, kind="stable")
        return self.users.listed(order[: int((pages > 0).sum())])

    def answer(
        self,
        user: str | int,
        videos: Feed,
        at: float,
        seed: int,
        request_id: str,
        *,
        device: str | None = None,
        earlier: Sequence[Feed] = (),
        variant: str = "answered",
    ) -> Events:
        """What a user does with a feed, as it would be delivered: see `answers`."""
        return self.answers(
            [user], [videos], [at], seed, [request_id], device=device, earlier=[earlier], variant=variant
        )

    def answers(
        self,
        users: ArrayLike,
        feeds: Sequence[Feed],
        at: ArrayLike,
        seed: int,
        request_ids: Sequence[str],
        *,
        device: str | None = None,
        earlier: Sequence[Sequence[Feed]] | None = None,
        variant: str = "answered",
    ) -> Events:
        """What many users do, each with a feed of its own: impressions and engagements.

        A feed is videos in order; `earlier` are the pages that each session has already shown. With one seed, a user
        meets a video at a moment with the same luck on any feed and at any place.
        """
        who, when = self.users.places(users), np.asarray(at, dtype=np.float64)
        used_devices = devices(self.platform, who, when, device)
        pages = pages_of(
            self.platform, self.videos, who, feeds, at=when, device=used_devices, earlier=earlier or [()] * len(feeds)
        )
        done = act(self.platform, pages, seed)
        log = Log(self.users, self.videos, pa.array(list(request_ids), pa.string()), self.scale.late, seed)
        unknown, placed = np.full(pages.feed.shape, np.nan), np.zeros(len(who), dtype=bool)
        shown = impressions(log, pages, pa.array([variant] * len(who), pa.string()), unknown, placed)
        return replace(none(), impressions=shown, engagements=engagements(log, pages, done))

    def long_views(self, users: ArrayLike, feeds: Sequence[Feed], at: ArrayLike, seed: int) -> Bools:
        """(feeds, places) which videos of each feed are watched long: what `answers` would tell as engagements."""
        who, when = self.users.places(users), np.asarray(at, dtype=np.float64)
        used_devices = devices(self.platform, who, when, None)
        fresh: list[Sequence[Feed]] = [()] * len(feeds)
        pages = pages_of(self.platform, self.videos, who, feeds, at=when, device=used_devices, earlier=fresh)
        return act(self.platform, pages, seed).long_view

    def _logged(self, shown: ShownPages, prefix: str, described: Events) -> Events:
        pages = shown.pages
        requests = numbered(prefix, np.arange(len(pages.who)), 7)
        log = Log(self.users, self.videos, requests, self.scale.late, self.scale.seed)
        variant = pa.array(VARIANTS).take(pa.array(shown.explores.astype(np.int64)))
        share, since = (self.shift.unplaced, self.shift.at) if self.shift else (0.0, np.inf)
        silent = uniform(self.scale.seed, "unplaced", pages.who, milliseconds(pages.at)) < share
        table = impressions(log, pages, variant, shown.propensity, silent & (pages.at >= since))
        return replace(described, impressions=table, engagements=engagements(log, pages, shown.outcomes))

    def _past(self, after: Events) -> Past:
        watched = after.engagements.filter(pc.equal(after.engagements["action"], "watch"))
        who, what = self.users.places(watched["user_id"]), self.videos.places(watched["video_id"])
        seconds = watched["watch_seconds"].to_numpy()
        long_view = (seconds >= 30) | (seconds >= self.platform.videos.duration[what].astype(np.float32))
        at = pc.cast(watched["event_time"], pa.int64()).to_numpy() / 1e6
        shown = self.users.places(after.impressions["user_id"]), self.videos.places(after.impressions["video_id"])
        return Past(shown, (who[long_view], what[long_view], at[long_view]))
