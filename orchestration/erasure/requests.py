"""Who is to be erased: requests that wait, in `erasures/` beside the lake, and the erasure that is under way.

Only these files hold ids, and only until the erasure is done; the audit holds digests.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import TypeVar

import msgspec

from infra.atomic import atomic_write
from infra.errors import Unavailable
from infra.failpoint import reached
from infra.tombstones import Tombstones

Stored = TypeVar("Stored")
WAITING, CURRENT, AUDIT = "waiting", "current.json", "audit.jsonl"


class Request(msgspec.Struct, frozen=True):
    """That a person be erased: who asked, when and why."""

    person: str
    who: str
    why: str
    at: datetime


class Erasure(msgspec.Struct, frozen=True):
    """An erasure under way: it is finished by whoever comes next after a kill.

    keys       words beside their ids that name the people, such as the ids of their events
    first_day  the first day on which anything happened to them that is stored, None where nothing is
    counts     what was removed up to now, by store
    """

    requests: tuple[Request, ...]
    keys: frozenset[str] = frozenset()
    first_day: date | None = None
    counts: dict[str, int] = {}

    @property
    def people(self) -> frozenset[str]:
        """The ids of all."""
        return frozenset(request.person for request in self.requests)

    def counted(self, more: Mapping[str, int]) -> "Erasure":
        """The same with further counts."""
        names = dict.fromkeys([*self.counts, *more])
        sums = {name: self.counts.get(name, 0) + more.get(name, 0) for name in names}
        return msgspec.structs.replace(self, counts=sums)


class Requests:
    """The files of one installation's erasures; call `waiting` and what changes them while `erasures` is locked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def ask(self, request: Request, tombstones: Tombstones) -> None:
        """Keep a request until it is carried out; a second one for the same person replaces it."""
        _write(self._path(request.person, tombstones), msgspec.json.encode(request))
        reached("erasure.asked")

    def waiting(self) -> list[Request]:
        """The requests that are not under way yet, in the order in which they were made."""
        paths = sorted((self.folder / WAITING).glob("*.json"))
        return sorted((_read(path, Request) for path in paths), key=lambda each: (each.at, each.person))

    def current(self) -> Erasure | None:
        """The erasure under way, None when there is none."""
        path = self.folder / CURRENT
        return _read(path, Erasure) if path.exists() else None

    def note(self, erasure: Erasure) -> None:
        """Write down how far an erasure has come."""
        _write(self.folder / CURRENT, msgspec.json.encode(erasure))
        reached("erasure.noted")

    def done(self, erasure: Erasure, line: Mapping[str, object], tombstones: Tombstones) -> None:
        """Write the line of the audit, then remove what held the ids."""
        with (self.folder / AUDIT).open("ab") as audit:
            audit.write(msgspec.json.encode(line) + b"\n")
            audit.flush()
            os.fsync(audit.fileno())
        reached("erasure.audited")
        for person in erasure.people:
            self._path(person, tombstones).unlink(missing_ok=True)
        (self.folder / CURRENT).unlink(missing_ok=True)
        reached("erasure.done")

    def audit(self) -> Iterator[dict[str, object]]:
        """The lines of all erasures, oldest first."""
        path = self.folder / AUDIT
        lines: Iterable[bytes] = path.read_bytes().splitlines() if path.exists() else ()
        yield from (msgspec.json.decode(line) for line in lines)

    def _path(self, person: str, tombstones: Tombstones) -> Path:
        return self.folder / WAITING / f"{tombstones.digest(person)}.json"


def _write(path: Path, content: bytes) -> None:
    with (
        atomic_write(path) as draft,
        os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file,
    ):
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _read(path: Path, kind: type[Stored]) -> Stored:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except msgspec.MsgspecError as broken:
        raise Unavailable(
            f"{path}: a request to erase cannot be read: {broken}. Ask again (`flywheel erase USER`) and remove it."
        ) from broken
