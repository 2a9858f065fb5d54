"""One page read by one user: what the user does, how long it takes, and what the page was truly worth."""

from dataclasses import dataclass, fields, replace

import numpy as np
import pyarrow as pa

from infra.arrays import Float64s, Int64s
from orchestration.sources.kit import EntityIds
from orchestration.sources.simulator.behaviour import Outcomes, Pages, act, examination, tiredness, tiring
from orchestration.sources.simulator.rows import Log, engagements
from orchestration.sources.simulator.truth import Pair, Platform, odds, pair


@dataclass(frozen=True, slots=True)
class PageShown:
    """A page by places: the user, the moment, the device, the videos from the top, and the session's earlier pages."""

    request_id: str
    who: int
    at: float
    device: int
    videos: Int64s
    earlier: tuple[Int64s, ...] = ()

    def with_videos(self, videos: Int64s, earlier: tuple[Int64s, ...]) -> "PageShown":
        """The same visit with other videos, after other ones."""
        return replace(self, videos=videos, earlier=earlier)

    def as_pages(self, platform: Platform) -> Pages:
        """The page, as users answer it."""
        before = np.concatenate([*self.earlier, np.zeros(0, dtype=np.int64)]).astype(np.int64)
        topics = np.bincount(platform.videos.category[before], minlength=len(platform.categories.names))
        return Pages(
            who=np.array([self.who]), at=np.array([self.at]), device=np.array([self.device]),
            feed=np.asarray(self.videos, dtype=np.int64)[None, :], page=np.array([len(self.earlier)]),
            recent=topics.astype(np.float64)[None, :],
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of one page: rows of the table of engagements, when it was read, counts, and its true worth."""

    engagements: pa.Table
    ended_at: float
    clicks: int
    long_views: int
    hides: int
    worth: float
    long_viewed: Int64s  # the videos


def read(platform: Platform, ids: tuple[EntityIds, EntityIds], page: PageShown, late: float, seed: int) -> Reading:
    """What one user does with one page; the same page and seed give the same answer."""
    users, videos = ids
    pages = page.as_pages(platform)
    done: Outcomes = act(platform, pages, seed)
    log = Log(users, videos, pa.array([page.request_id], pa.string()), late, seed)
    return Reading(
        engagements=engagements(log, pages, done),
        ended_at=float(done.ended_at[0, -1]) if len(page.videos) else page.at,
        clicks=int(done.click.sum()),
        long_views=int(done.long_view.sum()),
        hides=int((done.hide | done.block | done.report).sum()),
        worth=float(expected_grade(platform, pages)[0]),
        long_viewed=pages.feed[done.long_view],
    )


def expected_grade(platform: Platform, pages: Pages) -> Float64s:
    """(pages,) sum over places of the chance that a place is looked at × the grade to be expected there.

    Grades are those of `Odds.utility`; a user tires of the pages before and of more of the same topic.
    """
    places = pages.feed.shape[1]
    who, device = (np.repeat(column, places) for column in (pages.who, pages.device))
    fit = pair(platform, who, pages.feed.ravel(), np.repeat(pages.at, places), device)
    grades = odds(fit, tiredness(platform, pages).ravel()).utility().reshape(pages.feed.shape)
    grade: Float64s = (examination(platform, pages) * grades * pages.filled).sum(axis=1)
    return grade


BROUGHT = 8  # candidates for each place of the best page: topics tire, so that the best single ones are not the page


def best_page(platform: Platform, page: PageShown, among: Int64s, places: int) -> Int64s:
    """The videos that would be worth most, chosen place by place: each tires of its topic those that follow."""
    who, device = (np.full(len(among), place, dtype=np.int64) for place in (page.who, page.device))
    fit = pair(platform, who, among, np.full(len(among), page.at, dtype=np.float64), device)
    first = np.argsort(-odds(fit).utility(), kind="stable")[: places * BROUGHT]
    among, fit = among[first], Pair(**{f.name: getattr(fit, f.name)[first] for f in fields(Pair)})
    topic = platform.videos.category[among]
    counts = page.as_pages(platform).recent[0].copy()
    left, chosen = np.ones(len(among), dtype=bool), []
    for _ in range(min(places, len(among))):
        tired = tiring(len(page.earlier), counts[topic])
        best = int(np.argmax(np.where(left, odds(fit, tired).utility(), -np.inf)))
        left[best] = False
        counts[topic[best]] += 1
        chosen.append(best)
    return among[np.array(chosen, dtype=np.int64)]
