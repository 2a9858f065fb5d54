"""What one metric is: its name, what it says, its labels and the values that each of them may have."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestration.system import Installation

OTHER = "other"
"""The value of a label in place of every value that is not among those it may have."""


@dataclass(frozen=True, slots=True)
class Label:
    """A label; `values` gives all it may have in an installation, so that the number of series is bounded."""

    name: str
    values: "Callable[[Installation], Collection[str]]"

    def bounded(self, installation: "Installation", value: str) -> str:
        """The value, or OTHER for one that this label may not have."""
        return value if value in self.values(installation) else OTHER


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
