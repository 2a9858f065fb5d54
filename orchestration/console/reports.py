"""What monitoring wrote for people: drift, freshness and alarms of a day, and the release on trial.

Fields that a report does not have are empty here, and further ones are passed over: the pages outlive both.
"""

from pathlib import Path
from typing import Any, TypeVar

import msgspec

from infra.errors import Unavailable
from infra.settings import Settings

MOST_BYTES = 16 << 20
T = TypeVar("T")


class FeatureDrift(msgspec.Struct, frozen=True):
    """How far one feature moved, of all rows or of a slice such as `region=BR`."""

    feature: str
    slice: str = "all"
    psi: float | None = None
    limit: float | None = None
    null_before: float | None = None
    null_now: float | None = None
    moved: bool = False


class Alarm(msgspec.Struct, frozen=True):
    """Something that people should look at."""

    alarm: str
    says: str = ""
    owner: str = ""
    runbook: str = ""
    since: str | None = None


class Watched(msgspec.Struct, frozen=True):
    """A day as monitoring saw it."""

    at: str | None = None
    day: str | None = None
    release: str | None = None
    model_age_days: float | None = None
    alarms: tuple[Alarm, ...] = ()
    drift: tuple[FeatureDrift, ...] = ()
    null_shares: dict[str, float | None] = {}
    freshness: dict[str, dict[str, Any]] = {}
    merit: tuple[dict[str, Any], ...] = ()
    calibration: tuple[dict[str, Any], ...] = ()
    business: tuple[dict[str, Any], ...] = ()
    frozen: str = ""


def watched(settings: Settings) -> Watched:
    """The newest report of monitoring; raises Unavailable where there is none."""
    return read_report(
        settings.reports / "watch.json", Watched, "monitoring has written no report yet (`flywheel run monitor`)"
    )


def read_report(path: Path, kind: type[T], none: str) -> T:
    """A report of that kind; raises Unavailable for one that cannot be read, and with `none` where there is none."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise Unavailable(f"{path.name} is larger than {MOST_BYTES >> 20} MiB: it is no report of ours")
        return msgspec.json.decode(path.read_bytes(), type=kind, strict=False)
    except FileNotFoundError:
        raise Unavailable(none) from None
    except (OSError, msgspec.MsgspecError, UnicodeError) as wrong:
        raise Unavailable(f"{path.name} cannot be read: {wrong}") from wrong
