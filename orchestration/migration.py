"""`flywheel migrate`: the files of a home that an earlier version made, moved to where they belong now."""

import errno
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from infra.atomic import atomic_write
from infra.errors import NotMigrated
from infra.redis_server import answers
from infra.settings import SYSTEM_NAME, Settings, socket_url
from infra.systems import DEFAULT
from infra.unmigrated import WHOLE, left_at_top

LANDING = "landing"
SHARED = "metrics"  # in `serving`: of whatever service ran last
OTHER_DISK = {errno.EXDEV, errno.EBUSY}


def migrate(settings: Settings, say: Callable[[str], None]) -> int:
    """Move what lies at the top of the home into the parts of its systems; returns how many folders were moved.

    Each move is one step that happens or does not: after a kill between any two of them the command is given again.
    """
    home, moved = settings.home, 0
    if left_at_top(home) and settings.redis_url == socket_url(home) and answers(settings.redis_url):
        raise NotMigrated(f"{home}: its Redis runs, so something may write there. Stop it (`flywheel up`), then again.")
    for source, target in moves(home):
        _join(source, target) if source.name == LANDING and _is_folder(target) else _move(source, target)
        say(f"{source.relative_to(home)} is now {target.relative_to(home)}")
        moved += 1
    for path in left_at_top(home):  # folders that held one for each system, now empty
        path.rmdir()
    for figures in home.glob("systems/*/candidates/figures.json"):
        _find_report(figures, figures.parent.with_name("reports"))
    return moved


def _find_report(file: Path, reports: Path) -> None:
    """Let a candidate's figures name the report where it lies now; a file that names it already stays."""
    figures = msgspec.json.decode(file.read_bytes())
    named = Path(str(figures.get("report", "")))
    below = named.parts[named.parts.index(reports.name) + 1 :] if reports.name in named.parts else ()
    now = reports.absolute().joinpath(*below)
    if below and now != named and now.exists():
        with atomic_write(file) as draft:
            draft.write_bytes(msgspec.json.encode(figures | {"report": str(now)}))


def moves(home: Path) -> Iterator[tuple[Path, Path]]:
    """What lies at the top, and where it belongs; what a folder by name holds besides systems goes to the default one.

    The moves do not depend on each other, so those that are left after some were made are the rest.
    """
    for path in left_at_top(home):
        if path.name in WHOLE:
            yield path, Settings(home=home, system=DEFAULT).part / path.name
            continue
        inside = sorted(path.iterdir())
        systems = [each for each in inside if _is_of_system(each)]
        others = [each for each in inside if not _is_of_system(each)]
        yield from ((inner, Settings(home=home, system=inner.name).part / path.name) for inner in systems)
        yield from ((inner, Settings(home=home, system=DEFAULT).part / path.name / inner.name) for inner in others)


def _is_of_system(folder: Path) -> bool:
    return folder.is_dir() and bool(re.fullmatch(SYSTEM_NAME, folder.name)) and folder.name != SHARED


def _join(source: Path, target: Path) -> None:
    """Move what a folder holds into another one: whoever delivers may not know yet that the landing was moved."""
    if source.is_symlink():
        return _move(source, target)
    for each in sorted(source.iterdir()):
        there = target / each.name
        _join(each, there) if _is_folder(each) and _is_folder(there) else _move(each, there)
    return source.rmdir()


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _move(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if os.path.lexists(target) and not (target.is_dir() and not any(target.iterdir())) and not _same(source, target):
        raise NotMigrated(
            f"{source} cannot become {target}: something lies there already, and nothing is overwritten. Look at both "
            "and move what you need out of the way, then give `flywheel migrate` again."
        )
    try:
        _move_link(source, target) if source.is_symlink() else os.rename(source, target)
    except OSError as error:
        if error.errno not in OTHER_DISK:
            raise
        raise NotMigrated(
            f"{source} is on a disk of its own. Mount that at {target}, remove {source}, then give the command again."
        ) from error
    for folder in {source.parent, target.parent}:
        _synced(folder)


def _move_link(source: Path, target: Path) -> None:
    """A link goes on naming the same folder: where it is relative, moving it would change what it names."""
    if not _same(source, target):
        target.rmdir() if target.is_dir() else None
        target.symlink_to(source.resolve())
    source.unlink()


def _same(source: Path, target: Path) -> bool:
    """Whether both are links to one folder: a move of a link that was ended half-way."""
    return source.is_symlink() and target.is_symlink() and source.resolve() == target.resolve()


def _synced(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
