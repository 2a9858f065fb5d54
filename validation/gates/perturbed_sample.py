"""What the perturbation gate looks at: a sample of trained rows, built again after what came later was altered."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class PerturbationEvidence:
    """A sample of trained rows, built again after everything received past a cut was altered, deleted or made up.

    before, after  how many rows were shown until the cut, and after it
    moved          how many of those shown after it changed
    knows_later    feature → rows shown before the cut in which it changed with what came later
    not_rebuilt    feature → rows in which the lake as it is gives another value than was trained on
    """

    cut: datetime
    before: int
    after: int
    moved: int
    knows_later: Mapping[str, int] = field(default_factory=dict)
    not_rebuilt: Mapping[str, int] = field(default_factory=dict)
