"""Charts as inline SVG, drawn without script: shapes only, so that they stretch; words stand beside them in HTML.

A chart carries its text alternative as title. Colours come from classes of the style sheet, for light and dark.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from markupsafe import Markup

WIDTH, HEIGHT = 600.0, 160.0


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its interval at a moment, in seconds."""

    at: float
    low: float
    mid: float
    high: float


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a whole: its name, its share from 0 to 1, and the class of its colour."""

    name: str
    share: float
    kind: str


def _svg(kind: str, box: tuple[float, float], says: str, shapes: str) -> Markup:
    width, height = box
    return Markup(
        f'<svg class="chart {kind}" viewBox="0 0 {width:g} {height:g}" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(says)}"><title>{escape(says)}</title>{shapes}</svg>'
    )


def share_bar(parts: Sequence[Part]) -> Markup:
    """One bar, divided by shares; parts too small to see get the width of a line."""
    shapes, x = "", 0.0
    widths = [max(part.share * WIDTH, 3.0 if part.share else 0.0) for part in parts]
    scale = WIDTH / (sum(widths) or 1.0)
    for part, width in zip(parts, widths, strict=True):
        if part.share:
            shapes += f'<rect class="{part.kind}" x="{x:.2f}" y="0" width="{width * scale:.2f}" height="20"/>'
            x += width * scale
    says = ", ".join(f"{part.name} {100 * part.share:.1f} %" for part in parts) or "nothing is served"
    return _svg("bar", (WIDTH, 20), says, shapes)


def limits(points: Sequence[Interval], *more: float) -> tuple[float, float]:
    """The lowest and highest value of an axis that shows all intervals and the lines `more`, with some room."""
    values = [value for point in points for value in (point.low, point.high)] + list(more)
    low, high = min(values), max(values)
    room = (high - low) * 0.08 or abs(high) * 0.1 or 1.0
    return low - room, high + room


def intervals(points: Sequence[Interval], says: str, lines: Sequence[tuple[float, str]] = ((0.0, "zero"),)) -> Markup:
    """An estimate over time inside its interval, and level lines (value, class); empty without points."""
    if not points:
        return Markup("")
    low, high = limits(points, *(value for value, _ in lines))
    first, last = points[0].at, points[-1].at

    def x(at: float) -> float:
        return WIDTH / 2 if last == first else (at - first) / (last - first) * WIDTH

    def y(value: float) -> float:
        return HEIGHT - (value - low) / (high - low) * HEIGHT

    shapes = "".join(
        f'<line class="level {kind}" x1="0" x2="{WIDTH:g}" y1="{y(value):.2f}" y2="{y(value):.2f}"/>'
        for value, kind in lines
    )
    if len(points) == 1:
        only = points[0]
        shapes += _line("whisker", (x(only.at), y(only.low)), (x(only.at), y(only.high)))
        shapes += f'<circle class="dot" cx="{x(only.at):.1f}" cy="{y(only.mid):.2f}" r="4"/>'
    else:
        around = [(x(p.at), y(p.high)) for p in points] + [(x(p.at), y(p.low)) for p in reversed(points)]
        shapes += f'<polygon class="band" points="{_points(around)}"/>'
        shapes += f'<polyline class="line" points="{_points([(x(p.at), y(p.mid)) for p in points])}"/>'
    return _svg("intervals", (WIDTH, HEIGHT), says, shapes)


def spark(values: Sequence[float], limit: float | None, says: str) -> Markup:
    """A small line of values over time, and a limit."""
    if not values:
        return Markup("")
    high = max(*values, limit or 0.0, 1e-9) * 1.1
    step = 100.0 / max(1, len(values) - 1)
    places = [(i * step, 24 - value / high * 24) for i, value in enumerate(values)]
    shapes = (
        f'<polyline class="line" points="{_points(places if len(places) > 1 else [*places, (100.0, places[0][1])])}"/>'
    )
    if limit is not None:
        y = 24 - limit / high * 24
        shapes = _line("level limit", (0, y), (100, y)) + shapes
    return _svg("spark", (100, 24), says, shapes)


def meter(value: float, limit: float, says: str, kind: str) -> Markup:
    """How far a value is towards a limit, which is the mark at two thirds; longer values end at the edge."""
    width = min(1.0, max(0.0, value / limit * 2 / 3 if limit else 0.0)) * 100
    shapes = f'<rect class="track" width="100" height="8"/><rect class="{kind}" width="{width:.2f}" height="8"/>'
    return _svg("meter", (100, 8), says, shapes + '<line class="level limit" x1="66.67" x2="66.67" y1="0" y2="8"/>')


def push(value: float, largest: float, says: str) -> Markup:
    """A contribution: to the right of the middle where it moves up, to the left where it moves down."""
    width = min(1.0, abs(value) / largest if largest else 0.0) * 50
    x, kind = (50.0, "up") if value >= 0 else (50.0 - width, "down")
    shapes = f'<rect class="{kind}" x="{x:.2f}" width="{width:.2f}" height="8"/>' + _line("level", (50, 0), (50, 8))
    return _svg("push", (100, 8), says, shapes)


def _line(kind: str, start: tuple[float, float], end: tuple[float, float]) -> str:
    return f'<line class="{kind}" x1="{start[0]:.2f}" y1="{start[1]:.2f}" x2="{end[0]:.2f}" y2="{end[1]:.2f}"/>'


def _points(places: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.2f},{y:.2f}" for x, y in places)
