"""The time in which an installation runs: the present, or the time of old events."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta

from infra.errors import DefinitionError
from infra.settings import utc
from orchestration.partitions import waiting
from orchestration.system import Installation
from validation.contract import EARLIEST, LATEST

STILL_PRESENT = timedelta(days=3)  # older events are a replay, and a drafted mapping moves them
PRESENT = "now"
Say = Callable[[str], None]


def newest_day(installation: Installation) -> date | None:
    """The newest day with data in the lake or the landing; None when there is none."""
    return max([*_in_lake(installation), *waiting(installation)], default=None)


def replaying(installation: Installation, say: Say) -> Installation:
    """The installation, moved to the time of its events where they are old: now all of them would have decayed."""
    newest = newest_day(installation)
    if installation.settings.replay_from or newest is None or not _is_old(installation, newest):
        return installation
    moment = datetime.combine(newest + timedelta(days=1), time.min, UTC)
    say(f"The newest events are of {newest}: everything runs as if it were {moment:%Y-%m-%d %H:%M} UTC now.")
    return _since(installation, moment)


def lives_in_the_past(installation: Installation) -> bool:
    """Whether what was taken in here is old, so that files come to be replayed and not because they happen now."""
    newest = max(_in_lake(installation), default=None)
    return not installation.settings.replay_from and newest is not None and _is_old(installation, newest)


def as_of(installation: Installation, moment: str | None, say: Say) -> Installation:
    """The installation at the moment given; without one, in the time of its events.

    moment  a day (as it begins), a moment as in 2022-05-09T06:00, or `now`
    """
    if moment is None:
        replayed = replaying(installation, say)
        if replayed is not installation:
            say(f"Say `--as-of {PRESENT}` for the present, or another moment.")
        return replayed
    return _since(installation, None if moment == PRESENT else _read(moment))


def _in_lake(installation: Installation) -> list[date]:
    return [day for table in installation.system.tables for day in installation.lake.days(f"tables/{table.name}")]


def _is_old(installation: Installation, day: date) -> bool:
    return installation.now().date() - day > STILL_PRESENT


def _since(installation: Installation, moment: datetime | None) -> Installation:
    return Installation(installation.system, installation.settings.model_copy(update={"replay_from": moment}))


def _read(text: str) -> datetime:
    try:
        moment = utc(datetime.fromisoformat(text))
    except (ValueError, OverflowError) as wrong:
        raise DefinitionError(
            f"--as-of `{text}` is no moment: write a day (2022-05-09), a moment (2022-05-09T06:00) or `{PRESENT}`"
        ) from wrong
    if not EARLIEST <= moment <= LATEST:
        raise DefinitionError(
            f"--as-of `{text}` is not from {EARLIEST:%Y} to {LATEST:%Y}: events of other times are refused"
        )
    return moment
