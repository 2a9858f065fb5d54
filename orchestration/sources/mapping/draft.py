"""A first mapping file, guessed from a folder of files, for a person to check and correct."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from infra.errors import DefinitionError
from orchestration.replay import STILL_PRESENT
from orchestration.sources.mapping import fields, reading
from orchestration.sources.mapping.definition import Field, Mapping, Time
from orchestration.sources.mapping.sniffing import SniffedFile, moments, sniff_file
from orchestration.sources.mapping.words import catalogue, engagements, impressions, source_words

MANY = 40  # files looked at
DESCRIBING = ("category", "creator", "duration", "uploaded", "language", "region", "signup")
HEAD = """\
# Which of your columns is which of ours. A first guess: look at every line, then run `flywheel map {name}`.
# docs/own-events.md explains each word; docs/tables.md says what every column of ours means.
"""
SHIFT = """\
# The newest event is of {newest:%Y-%m-%d}. What a user did years ago counts for nothing today, so all moments are moved
# to end yesterday. Write 0 to leave them where they are: then commands run as if it were that day (docs/own-events.md).
"""


def draft(folder: Path, target: Path, now: datetime) -> str:
    """The text of a first mapping file for what lies in a folder; raises DefinitionError when no events are found."""
    files = [file for path in _files(folder) if (file := sniff_file(path, _name(path, target)))]
    if not files:
        raise DefinitionError(
            f"{folder} holds no table that can be read: text with a delimiter, JSON lines or Parquet. "
            "Write the mapping by hand: docs/own-events.md."
        )
    events = next((file for file in sorted(files, key=_likeness, reverse=True) if _likeness(file)), None)
    if events is None:
        listing = "; ".join(f"{file.path.name}: {', '.join(file.columns[:8])}" for file in files[:5])
        raise DefinitionError(
            f"{folder}: no file seems to hold events, with a user, an item and a moment. Found: {listing}. "
            "Write the mapping by hand: docs/own-events.md shows how."
        )
    alike = [file for file in files if _alike(file, events)]
    items = _catalogue(files, "item", events)
    users = _catalogue(files, "user", events)
    lines = list(_lines(target, events, alike, items, users, now))
    rest = [file for file in files if file not in (*alike, items, users)]
    lines += [f"# Not used: {file.path.name} ({', '.join(file.columns[:6])})" for file in rest]
    return "\n".join(lines).rstrip() + "\n"


def _lines(
    target: Path,
    events: SniffedFile,
    alike: Sequence[SniffedFile],
    items: SniffedFile | None,
    users: SniffedFile | None,
    now: datetime,
) -> Iterator[str]:
    yield HEAD.format(name=target.name)
    yield from source_words("events", events, [file.path for file in alike], target)
    for name, file in (("items", items), ("people", users)):
        if file is not None:
            yield from source_words(name, file, [file.path], target)
    newest = _newest(events, target)
    if now - newest > STILL_PRESENT:
        yield SHIFT.format(newest=newest) + "[time]"
        yield f"shift_days = {(now.date() - newest.date()).days - 1}"
    else:
        yield "[time]"
    yield 'zone = "UTC"               # of moments written without one\n'
    yield from impressions(events)
    yield from engagements(events)
    if items is not None:
        yield from catalogue("videos", "video_id", "items", items, "item")
    if users is not None:
        yield from catalogue("users", "user_id", "people", users, "user")


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise DefinitionError(f"{folder} is no folder. Name the one that holds your files.")
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    plain = [path for path in paths if not path.name.startswith(".") and path.suffix not in (".toml", ".md", ".py")]
    return plain[:MANY]


def _name(path: Path, target: Path) -> str:
    """How the mapping file calls a file: from its own folder where it lies below that, else by the whole path."""
    here = target.absolute().parent
    return (
        path.absolute().relative_to(here).as_posix() if path.absolute().is_relative_to(here) else str(path.absolute())
    )


def _likeness(file: SniffedFile) -> int:
    """How much a file seems to hold events; 0 for one without a user, an item or a moment."""
    item = file.role("item") or file.pairs
    person = file.role("user") or file.people
    moment = file.role("time")
    if not (item and person and moment and moments(file.texts[moment]) is not None):
        return 0
    acted = [role for role in ("rating", "click", "action", "watch") if file.role(role)]
    return 1 + 2 * len(acted) + 2 * bool(file.pairs) + min(len(file.texts[moment]), 200) // 100


def _alike(file: SniffedFile, events: SniffedFile) -> bool:
    """Whether a file holds more of the same events: same delimiter, same columns, same ending of its name."""
    named = msgspec.structs.replace(events.source, files=file.source.files)
    return file.source == named and file.columns == events.columns and file.path.suffix == events.path.suffix


def _catalogue(files: Sequence[SniffedFile], role: str, events: SniffedFile) -> SniffedFile | None:
    """The file that seems to describe items or users: a row for each, no ids of the other, most describing columns."""
    other = "user" if role == "item" else "item"
    describing = [
        file
        for file in files
        if file.columns != events.columns
        and (key := file.key(role))
        and not file.role(other)
        and len(set(file.texts[key])) == len(file.texts[key])
    ]
    return max(describing, key=lambda file: sum(file.role(r) is not None for r in DESCRIBING), default=None)


def _newest(events: SniffedFile, target: Path) -> datetime:
    """The newest moment of the events, read through."""
    import pandas as pd

    name = events.role("time")
    assert name is not None
    how = moments(events.texts[name]) or {}
    field = Field(column=name, unit=how.get("unit"), format=how.get("format"))  # type: ignore[arg-type]
    mapping = Mapping(target.absolute(), {"events": events.source}, Time(), {})
    newest: datetime | None = None
    for part in reading.parts(mapping, "events", [name]):
        latest = fields.moment(part[name], field, mapping.time, f"{events.path.name}: {name}").max()
        if latest is not pd.NaT and (newest is None or latest > newest):
            newest = latest.to_pydatetime()
    if newest is None:
        raise DefinitionError(f"{events.path}: column `{name}` holds no moment that can be read.")
    return newest.astimezone(UTC)
