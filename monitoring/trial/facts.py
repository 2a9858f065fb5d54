"""The facts of a trial: what the askers of the release on trial and of the champion have, and the shadow before it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from infra.statistics import Totals

ALL = ""
"""The part that is no slice: all askers."""


@dataclass(frozen=True, slots=True)
class ShadowFacts:
    """What scoring beside the champion showed; times are of 95 of 100 requests, NaN where none was measured.

    changed         the share of requests whose first page, or action, would have been another
    rank_agreement  Kendall's tau of both orders, score_shift the mean difference of scores; NaN where there is none
    """

    requests: int = 0
    errors: int = 0
    champion_ms: float = float("nan")
    challenger_ms: float = float("nan")
    changed: float = float("nan")
    rank_agreement: float = float("nan")
    score_shift: float = float("nan")


@dataclass(frozen=True, slots=True)
class Contrast:
    """One measure on the askers of both variants, of all (`part` is empty) or of one value of a slice."""

    measure: str
    slice: str
    part: str
    trial: Totals
    control: Totals


@dataclass(frozen=True, slots=True)
class TrialFacts:
    """Everything that a decision about a release on trial rests on, as known at one moment.

    share        per cent of the askers who get it; 0 in shadow
    entered      since when it is on trial; `since`, at this share: only what happened since then is compared
    askers       of the release on trial, and of the champion
    changed      askers who were in both variants since then; they are left out
    left_out     rows that were not counted, by the reason
    """

    release: str
    share: int
    entered: datetime
    since: datetime
    askers: tuple[int, int] = (0, 0)
    contrasts: tuple[Contrast, ...] = ()
    changed: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict)
    levels: Mapping[str, float] = field(default_factory=dict)
    shadow: ShadowFacts = field(default_factory=ShadowFacts)
