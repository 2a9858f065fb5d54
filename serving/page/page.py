"""A page: what is shown to one asker, and all that the answer and the decision log say of it."""

from dataclasses import dataclass

from infra.arrays import Float32s
from infra.marks import Marks
from serving.assignment import CHAMPION
from serving.model import Release
from serving.page.outcome import Ranked
from serving.page.retrieve import Candidates


@dataclass(slots=True)
class Page:
    """What is shown: item ids from the top, the rung they come from, scores and features as served where there are any.

    `marks` (items,) are the items' marks. `sources` (items,) are the names of the sources that gave each item first,
    None where the caller named it; `propensities` (items,) the probability of each item at its place. `at` is the
    moment the page was made for, in seconds since the epoch: features were decayed to it. `scored` is how many
    candidates were scored, and `candidates` which, unless the caller named them; `ranked` are their scores.
    The asker was drawn for `variant`.
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
    candidates: Candidates | None = None
    ranked: Ranked | None = None
    request_id: str = ""
    variant: str = CHAMPION
