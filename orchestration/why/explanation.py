"""What `flywheel why` answers, as plain values: for the command, for the console, and as JSON."""

from collections.abc import Mapping

import msgspec
import numpy as np

from infra.arrays import Float32s
from infra.manifest import Manifest
from serving.model import Scorer

Number = float | None


class Influence(msgspec.Struct, frozen=True):
    """A feature as it was served, and how much it moved the score."""

    feature: str
    value: Number
    contribution: float


class WhyItem(msgspec.Struct, frozen=True, kw_only=True):
    """One candidate. `place` is None for one that was not shown.

    score    as logged            rebuilt  as the release gives it now for the features as served
    ranks    its rank after each step, from 1, by the step's name; without a trace there are none
    features, influences   as served; the influences that moved the score most first
    """

    item: str
    place: int | None
    source: str | None
    score: Number
    rebuilt: Number
    propensity: Number
    ranks: Mapping[str, int]
    influences: tuple[Influence, ...]

    @property
    def same(self) -> bool:
        """Whether the score made again is the logged one, to the last bit, as far as both are known."""
        return self.score is None or self.rebuilt is None or self.score == self.rebuilt


class WhyCase(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided of a case, and what led there.

    reasons    rules that held, and the features that counted most, as the answer gave them
    act_from   the release's operating point        threshold  the score from which this case was acted on
    by_lot     whether chance chose it for a look    queue      whether it waits for a reviewer, in words
    """

    action: str | None
    value: Number
    promise: Number
    score: Number
    rebuilt: Number
    threshold: Number
    act_from: Number
    propensity: Number
    by_lot: bool | None
    reasons: tuple[str, ...]
    queue: str | None
    influences: tuple[Influence, ...]


class Why(msgspec.Struct, frozen=True, kw_only=True):
    """Why a page or a case was answered so.

    logged      where the answer was found            policy  the first digits of the digest of the release's policy
    traced      whether all candidates are known      steps   the steps of the policy, in their order, where traced
    items       of a page: what was shown, from the top, then the other candidates by their last rank
    candidates  how many there were, None where that is not known
    case        of a case: what was decided
    differences what is not as it was logged; empty: the same scores to the last bit
    """

    request: str
    at: str
    asker: str | None
    release: str | None
    ranker: str | None
    policy: str | None
    variant: str | None
    served_by: str | None
    reason: str | None
    logged: str
    traced: bool = False
    candidates: int | None = None
    steps: tuple[str, ...] = ()
    items: tuple[WhyItem, ...] = ()
    case: WhyCase | None = None
    differences: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def same(self) -> bool:
        """Whether everything that could be compared is equal to the last bit."""
        return not self.differences


def influences(scorer: Scorer, manifest: Manifest, features: Float32s) -> list[tuple[Influence, ...]]:
    """For each row of (rows, features) every feature as served, those that moved the score most first."""
    moved = scorer.contributions(features)
    order = np.argsort(-np.abs(moved), axis=1, kind="stable")
    return [
        tuple(Influence(manifest.features[i], number(values[i]), float(parts[i])) for i in best)
        for values, parts, best in zip(features, moved, order, strict=True)
    ]


def number(value: float | np.float32) -> Number:
    """A number as JSON has it: what is no number is None."""
    return float(value) if np.isfinite(value) else None
