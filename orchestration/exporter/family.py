"""What one metric is: its name, what it says, its labels and the values that each of them may have."""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestration.system import Installation

WORD = re.compile(r"[A-Za-z][\w ./@-]{0,79}")
OTHER = "other"
"""The value of a label in place of every value that is not among those it may have."""


@dataclass(frozen=True, slots=True)
class Label:
    """A label; `values` gives all it may have in an installation, so that the number of series is bounded.

    most  of an open label, whose values are names that a report gives: how many of them there may be at a time
    """

    name: str
    values: "Callable[[Installation], Collection[str]]" = lambda _: ()
    most: int = 0

    def bounded(self, installation: "Installation", value: str, seen: set[str]) -> str:
        """The value, or OTHER for one that this label may not have; `seen` holds the open values there are already."""
        if not self.most:
            return value if value in self.values(installation) else OTHER
        if value in seen or (len(seen) < self.most and WORD.fullmatch(value)):
            seen.add(value)
            return value
        return OTHER


@dataclass(frozen=True, slots=True)
class Family:
    """One metric of the jobs; each has the label `system` before its own."""

    name: str
    says: str
    labels: tuple[Label, ...] = ()


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of a metric, for one value of each of its labels."""

    family: Family
    value: float
    labels: tuple[str, ...] = ()
