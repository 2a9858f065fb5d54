"""Intents: what a process was about to do to the lake, so that the next one can finish or undo it."""

import os
from datetime import date
from pathlib import Path

import msgspec

from infra.atomic import atomic_write
from infra.errors import Unavailable
from infra.failpoint import reached
from infra.lake import Lake


class Intent(msgspec.Struct, frozen=True):
    """What one batch of a table does.

    line   the ledger's file, below the lake: once it is there, the batch counts
    moves  draft → its place, both below the lake
    days   table → days that are replaced, each with the names of its files
    """

    line: str
    moves: dict[str, str]
    days: dict[str, dict[date, list[str]]]


def write(lake: Lake, table: str, intent: Intent) -> None:
    """Write an intent; the caller has locked the table."""
    with atomic_write(_path(lake, table)) as draft:
        draft.write_bytes(msgspec.json.encode(intent))


def settle(lake: Lake, table: str) -> None:
    """Finish a change that has its line in the ledger, undo one that has none; the caller has locked the table."""
    try:
        intent = msgspec.json.decode(_path(lake, table).read_bytes(), type=Intent)
    except FileNotFoundError:
        return
    except msgspec.MsgspecError as broken:
        raise Unavailable(
            f"{_path(lake, table)}: what an earlier run was about to do cannot be read: {broken}. Put back the last "
            "copy of the home; without one remove this file and deliver that run's files again."
        ) from broken
    if (lake.root / intent.line).exists():
        _finish(lake, intent)
    else:
        _take_back(lake, intent)
    _path(lake, table).unlink()
    reached("intent.settled")


def settled(lake: Lake, table: str) -> None:
    """The same for a caller without the lock; does nothing where no change was left unfinished."""
    if _path(lake, table).exists():
        with lake.locked(table):
            settle(lake, table)


def _finish(lake: Lake, intent: Intent) -> None:
    for draft, place in intent.moves.items():
        if draft != place and (lake.root / draft).exists():
            os.replace(lake.root / draft, lake.root / place)
            reached("intent.moved")
    for name, days in intent.days.items():
        lake.switch(name, {day: [lake.path(name, day) / each for each in files] for day, files in days.items()})
        reached("intent.switched")


def _take_back(lake: Lake, intent: Intent) -> None:
    for draft in intent.moves:
        (lake.root / draft).unlink(missing_ok=True)
        reached("intent.taken_back")


def _path(lake: Lake, table: str) -> Path:
    return lake.root / ".intents" / f"{table}.json"
