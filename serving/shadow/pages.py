"""Pages in the shadow: the release on trial scores the candidates of a page that the champion has answered."""

import logging
from functools import partial
from time import thread_time
from typing import Any

import numpy as np

from infra.arrays import Float32s
from infra.clock import written
from serving.asker import RequestAsker
from serving.assignment import CHAMPION
from serving.model import Builder, Release, Releases
from serving.page import Page, Ranked, ordered
from serving.shadow.agreement import rank_agreement
from serving.shadow.shadow import Busy, Look, Shadow
from serving.shadow.shadow_row import ShadowRow

log = logging.getLogger(__name__)


class ShadowPages:
    """Offers pages to the shadow. Nothing of it is remembered: no item counts as shown."""

    def __init__(self, shadow: Shadow, releases: Releases) -> None:
        self._shadow, self._releases = shadow, releases
        self._own: tuple[Release | None, Builder | None] = (None, None)

    def offer(self, page: Page, who: RequestAsker) -> None:
        """Have a page of the champion scored again, if there is a release on trial."""
        trial = self._releases.trial
        if trial is None:
            self._own = None, None  # a release whose trial has ended leaves the memory
        if trial is None or page.ranked is None or page.variant != CHAMPION:
            return
        release = trial.release
        if self._own[0] is not release:
            self._own = release, release.builder.twin()  # a builder remembers what it looked up: one for each thread
        builder = self._own[1]
        assert builder is not None, "it was made with the release"
        self._shadow.offer(page.request_id, partial(compared, page, page.ranked, who, release, builder))


def compared(
    page: Page, ranked: Ranked, who: RequestAsker, release: Release, builder: Builder, look: Look
) -> ShadowRow:
    """The page as it would have been. `look` is called between two steps, and raises Busy."""
    row = ShadowRow(
        page.request_id, written(page.at), who.user.user, ranked.release.version, release.version,
        len(ranked.scores), round(1000 * ranked.took_s, 3),
    )  # fmt: skip
    try:
        began = thread_time()
        features = builder.matrix(ranked.block, who.user, who.keys, who.context, page.at)
        look()
        scores = release.scorer.score(features)
        took_s = thread_time() - began
        look()
        return row.but(
            rank_agreement=rank_agreement(ranked.scores, scores),
            score_shift=float(np.mean(scores - ranked.scores)),
            changed=_first(page, ranked, ranked.release, ranked.scores) != _first(page, ranked, release, scores),
            challenger_ms=round(1000 * took_s, 3),
        )
    except Busy:
        raise
    except Exception as failed:
        log.exception("shadow: release %s could not score", release.version)
        return row.but(error=f"{type(failed).__name__}: {failed}"[:200])


def _first(page: Page, ranked: Ranked, release: Release, scores: Float32s) -> list[Any]:
    """The places of the first page by a release, without what is drawn by lot."""
    near, limit = release.nearest, len(page.items)
    vectors = near.vectors if near else None
    return [*ordered(page, release.policy, ranked.block, scores, vectors, limit)]
