"""A page trace: of one page every candidate with its source, features and score, and its rank after each step.

The decision log holds the items that were shown. What was not shown is known of a sample of the pages only.
"""

from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from infra.arrays import Float32s
from infra.clock import written
from serving.asker import RequestAsker
from serving.items import ItemStates
from serving.page import Page

SCORED, SHOWN = "score", "shown"  # the orders before the first step and after the last one
FLOAT32, PLACE = "<f4", "<u2"


class PageTrace(msgspec.Struct, frozen=True):
    """One traced page. Arrays are base64 of little-endian numbers, so that they come back to the last bit.

    items    the candidates, in the order of the policy's sources      sources  the source that found each first
    scores   (candidates,) float32                features  (candidates, width) float32, as scored
    orders   after each step the places of the candidates, the best first, as uint16; `shown` are those of the page
    lot      how many of the candidates, the last ones, were found by lot
    """

    request_id: str
    at: str
    asker: str
    release: str
    variant: str
    served_by: str
    items: list[str]
    sources: list[str]
    scores: str
    features: str
    width: int
    orders: dict[str, str]
    reason: str | None = None
    lot: int = 0

    def score_array(self) -> Float32s:
        """(candidates,) the scores."""
        return np.frombuffer(b64decode(self.scores), dtype=FLOAT32).astype(np.float32)

    def feature_array(self) -> Float32s:
        """(candidates, features) the features."""
        return np.frombuffer(b64decode(self.features), dtype=FLOAT32).reshape(-1, self.width).astype(np.float32)

    def order_arrays(self) -> dict[str, NDArray[Any]]:
        """The places of the candidates after each step."""
        return {step: np.frombuffer(b64decode(order), dtype=PLACE) for step, order in self.orders.items()}


def traced(page: Page, who: RequestAsker, states: ItemStates) -> PageTrace | None:
    """The trace of a page; None of one that has no scored candidates."""
    ranked, candidates = page.ranked, page.candidates
    if ranked is None:
        return None
    items = states.names(ranked.block.rows)
    sources = candidates.names(ranked.release.policy) if candidates else [""] * len(items)
    orders = {**_named(ranked.shown.orders), SHOWN: ranked.shown.places}
    return PageTrace(
        page.request_id, written(page.at), who.user.user, ranked.release.version, page.variant, page.served_by,
        items, sources, _packed(ranked.scores, FLOAT32), _packed(ranked.features, FLOAT32), ranked.features.shape[1],
        {step: _packed(order, PLACE) for step, order in orders.items()}, page.reason,
        candidates.lot.count if candidates else 0,
    )  # fmt: skip


def _named(orders: Sequence[tuple[str, NDArray[Any]]]) -> dict[str, NDArray[Any]]:
    """The orders by name; a policy may have two steps of a kind."""
    named: dict[str, NDArray[Any]] = {}
    for step, order in orders:
        named[step if step not in named else f"{step} {len(named)}"] = order
    return named


def _packed(values: NDArray[Any] | Sequence[int], kind: str) -> str:
    return b64encode(np.ascontiguousarray(values, dtype=kind).tobytes()).decode()
