"""Which days were published, and from what: a day is stale when what was received up to it is not the same any more."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import msgspec

from infra.atomic import atomic_write
from infra.errors import Unavailable
from infra.lake import Lake

FOLDER, STATES, PROFILES = "published", "states", "profiles"
AT_WORK = ""
"""The version of a day that is being published: of one that a killed process left, nobody knows what it holds."""
Parts = Mapping[str, date]
"""Files of the lake, by table and name, with the day they belong to."""


class DayRecord(msgspec.Struct, frozen=True):
    """How a day was published.

    version  digest of the definitions and of every file that was received up to it
    closed   whether the day was over then, or when it was published before
    """

    version: str
    closed: bool = True


@dataclass(frozen=True, slots=True)
class PublishedDays:
    """The days of one published thing, `name`, and from what each was made; `counted` is a digest of the definitions.

    What is received on a day changes what is published on that day and later, and nothing before. So one changed day
    makes itself and all published days after it stale, and leaves those before it as they are.
    """

    lake: Lake
    name: str
    counted: str

    def records(self) -> dict[date, DayRecord]:
        """Every day that was published, in order."""
        try:
            records = msgspec.json.decode(self._path.read_bytes(), type=dict[date, DayRecord])
        except FileNotFoundError:
            return {}
        except msgspec.MsgspecError as broken:
            raise Unavailable(
                f"{self._path}: which days were published cannot be read: {broken}. Put back the last copy of the "
                "lake; or remove the file and publish all days anew (`flywheel run features --day FIRST --until LAST`)."
            ) from broken
        return dict(sorted(records.items()))

    def versions(self, days: Iterable[date], parts: Parts) -> dict[date, str]:
        """The version that each day has when it is made of these files of the lake."""
        names: dict[date, list[str]] = {day: [] for day in days}
        wanted = set(names)
        for name, day in parts.items():
            names.setdefault(day, []).append(name)
        versions, version = dict[date, str](), self.counted
        for day, files in sorted(names.items()):
            if files:
                version = hashlib.sha256("\n".join([version, *sorted(files)]).encode()).hexdigest()
            versions[day] = version
        return {day: version for day, version in versions.items() if day in wanted}

    def stale(self, parts: Parts) -> list[date]:
        """The published days that would be others now, in order."""
        records = self.records()
        now = self.versions(records, parts)
        return [day for day, record in records.items() if record.version != now[day]]

    def is_stale(self, day: date, parts: Parts) -> bool:
        """Whether a day was published and would be another now."""
        record = self.records().get(day)
        return record is not None and record.version != self.versions([day], parts)[day]

    def begin(self, days: Iterable[date]) -> None:
        """Note that days are about to be published: until that is done they are stale."""
        records = self.records()
        closed = {day for day, record in records.items() if record.closed}
        self._write(records | {day: DayRecord(AT_WORK, day in closed) for day in days})

    def done(self, days: Iterable[date], parts: Parts, as_of: datetime | None) -> None:
        """Note that days are published, from these files, at a moment; None for one after all of them."""
        versions = self.versions(days, parts)
        over = {day: as_of is None or _end(day) <= as_of for day in versions}
        self._write(self.records() | {day: DayRecord(version, over[day]) for day, version in versions.items()})

    def closed(self) -> set[date]:
        """The days that were over when they were published."""
        return {day for day, record in self.records().items() if record.closed}

    @property
    def _path(self) -> Path:
        return self.lake.root / FOLDER / f"{self.name}.json"

    def _write(self, records: Mapping[date, DayRecord]) -> None:
        with atomic_write(self._path) as draft:
            draft.write_bytes(msgspec.json.encode(records))


def closed_days(lake: Lake) -> set[date]:
    """The days that were over when their states were published."""
    return PublishedDays(lake, STATES, counted="").closed()


def _end(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time.min, UTC)
