"""In which time an installation runs: the present, or that of events of the past."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta

from infra.errors import DefinitionError
from infra.settings import utc
from orchestration.partitions import waiting
from orchestration.system import Installation
from validation.contract import EARLIEST, LATEST

STILL_NOW = timedelta(days=3)  # events older than that are a replay
PRESENT = "now"
Say = Callable[[str], None]


def newest_day(installation: Installation) -> date | None:
    """The newest day with data in the lake or the landing; None when there is none."""
    return max([*_in_lake(installation), *waiting(installation)], default=None)


def replaying(installation: Installation, say: Say) -> Installation:
    """The same installation; old events run in their own time: else nothing would be fresh and all forgotten."""
    newest = newest_day(installation)
    if installation.settings.replay_from or newest is None or installation.now().date() - newest <= STILL_NOW:
        return installation
    moment = datetime.combine(newest + timedelta(days=1), time.min, UTC)
    say(f"The newest events are of {newest}: everything runs as if it were {moment:%Y-%m-%d %H:%M} UTC now.")
    return _since(installation, moment)


def as_of(installation: Installation, moment: str | None, say: Say) -> Installation:
    """The installation in the time that is asked for; in that of its events when nothing is.

    moment  a day (as it begins), a moment as in 2022-05-09T06:00, or `now`
    """
    if moment is None:
        found = replaying(installation, say)
        if found is not installation:
            say(f"Say `--as-of {PRESENT}` for the present, or another moment.")
        return found
    return _since(installation, None if moment == PRESENT else _read(moment))


def _in_lake(installation: Installation) -> list[date]:
    return [day for table in installation.system.tables for day in installation.lake.days(f"tables/{table.name}")]


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
        raise DefinitionError(f"--as-of `{text}` is not from {EARLIEST:%Y} to {LATEST:%Y}: no event is believed there")
    return moment
