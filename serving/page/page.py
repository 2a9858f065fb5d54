"""A page: what is shown to one asker, and all that the answer and the decision log say of it."""

from dataclasses import dataclass

from infra.arrays import Float32s
from infra.marks import Marks
from serving.model import Release
from serving.page.retrieve import Candidates


@dataclass(slots=True)
class Page:
    """What is shown: item ids from the top, the rung they come from, scores and features as served where there are any.

    `marks` (items,) are theirs. `sources` (items,) tell what found each item first, where it was not the caller;
    `propensities` (items,) with what chance each came to its place. `at` is the moment it was made for, in seconds
    since the epoch: the one its features were decayed to. `scored` says how many candidates were, and `found` which,
    unless the caller named them.
    """

    items: list[str]
    marks: Marks
    sources: list[str | None]
    propensities: Float32s
    served_by: str
    reason: str | None = None
    release: Release | None = None
    scores: Float32s | None = None
    features: Float32s | None = None
    left_out: list[str] | None = None
    at: float = 0.0
    scored: int = 0
    found: Candidates | None = None
    request_id: str = ""
