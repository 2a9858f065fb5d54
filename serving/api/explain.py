"""Why an item has its place: the features that moved its score most."""

import logging
from typing import Any

import msgspec
import numpy as np

from feature_repo.request_time import Context
from serving.api.messages import Influence
from serving.asker import RequestAsker
from serving.page import Page

INFLUENCES = 5  # of one item: more is no explanation
log = logging.getLogger(__name__)


def why(page: Page, who: RequestAsker) -> list[Any] | None:
    """The influences on each item of a scored page, without words that the request left out: all items share those."""
    if page.release is None or page.features is None:
        return None
    features = page.release.builder.features
    left_out = [isinstance(feature, Context) and feature.name not in who.context for feature in features]
    try:
        moved = page.release.scorer.contributions(page.features)
    except Exception:  # a page without an explanation is better than none
        log.exception("release %s: could not explain", page.release.version)
        return [msgspec.UNSET] * len(page.items)
    moved[:, left_out] = 0
    first = np.argsort(-np.abs(moved), axis=1, kind="stable")[:, :INFLUENCES]
    return [
        [Influence(features[i].name, _finite(values[i]), float(parts[i])) for i in best if parts[i]]
        for values, parts, best in zip(page.features, moved, first, strict=True)
    ]


def _finite(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None
