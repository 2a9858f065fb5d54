"""How figures and moments are written on the pages."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup

DASH = "–"


def age(seconds: float | None) -> str:
    """A span in one unit: `40 s`, `5 min`, `3 h`, `2 days`."""
    if seconds is None:
        return DASH
    seconds = max(0.0, float(seconds))
    for unit, name, from_s in ((86_400, "days", 172_800), (3_600, "h", 7_200), (60, "min", 120)):
        if seconds >= from_s:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds:.0f} s"


def since(moment: datetime | None, now: datetime) -> str:
    """How long ago a moment is."""
    return DASH if moment is None else f"{age((now - utc(moment)).total_seconds())} ago"


def moment(at: datetime | str | None) -> str:
    """A moment in UTC, to the minute."""
    at = read_moment(at)
    return DASH if at is None else f"{at:%Y-%m-%d %H:%M}"


def read_moment(at: datetime | str | float | None) -> datetime | None:
    """A moment from what a report holds; None where it is none."""
    try:
        if isinstance(at, str):
            return utc(datetime.fromisoformat(at))
        if isinstance(at, int | float):
            return datetime.fromtimestamp(at, UTC)
        return utc(at) if at else None
    except (ValueError, OverflowError, OSError):
        return None


def utc(at: datetime) -> datetime:
    """The same moment in UTC."""
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def figure(value: Any, digits: int = 4) -> str:
    """A value as it is read: numbers short, nothing as a dash."""
    if value is None or value == "":
        return DASH
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.{digits}g}"
    return str(value)


def percent(share: float | None, digits: int = 1) -> str:
    """A share from 0 to 1."""
    return DASH if share is None else f"{100 * share:.{digits}f} %"


def signed(value: float | None, digits: int = 2) -> str:
    """A number with its sign."""
    return DASH if value is None else f"{value:+.{digits}f}"


def breaks(name: str) -> Markup:
    """A long name that may be broken after its underscores."""
    return Markup("_<wbr>").join(name.split("_"))


FILTERS: Mapping[str, Any] = {
    "age": age, "moment": moment, "figure": figure, "percent": percent, "signed": signed,
    "breaks": breaks,
}  # fmt: skip
