"""What a dashboard is: rows of panels, each with its queries and what it is good for."""

from dataclasses import dataclass
from typing import Literal

UNITS = {
    "seconds": "s",
    "share": "percentunit",
    "requests a second": "reqps",
    "a second": "ops",
    "count": "short",
    "on or off": "bool",
    "number": "none",
}
"""Our word for a unit → Grafana's."""
Kind = Literal["lines", "areas"]


@dataclass(frozen=True, slots=True)
class Query:
    """One expression; `legend` names its series, with `{{label}}` for the value of a label."""

    expr: str
    legend: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture: its title, what it says and when to worry, its unit, its queries.

    kind   `lines` over time, or `areas` one on top of the other
    limit  a line that should not be crossed
    """

    title: str
    description: str
    unit: str
    queries: tuple[Query, ...]
    kind: Kind = "lines"
    limit: float | None = None
    wide: int = 12


@dataclass(frozen=True, slots=True)
class Row:
    """Panels that belong together."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One page of Grafana; `name` is that of its file and address."""

    name: str
    title: str
    description: str
    rows: tuple[Row, ...]

    @property
    def panels(self) -> tuple[Panel, ...]:
        """All panels, in order."""
        return tuple(panel for row in self.rows for panel in row.panels)
