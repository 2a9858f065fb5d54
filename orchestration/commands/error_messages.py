"""What a command says when it cannot go on: one sentence, where to read more, and an exit status for each kind."""

import errno
import os
import re
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import strftime

from infra.ending import Ended, end_children
from infra.errors import FlywheelError

DEBUG = "FLYWHEEL_DEBUG"
REFUSED, WRONG, UNEXPECTED = 1, 2, 70  # the last is what sysexits.h calls an internal software error
FULL = {errno.ENOSPC: "no room is left on the disk", errno.EDQUOT: "the disk quota is used up"}
CLOSED = {errno.EACCES: "may not be written", errno.EPERM: "may not be written", errno.EROFS: "is on a read-only disk"}


@contextmanager
def errors_as_exit_status() -> Iterator[None]:
    """Whatever error ends the block is printed as a sentence and becomes an exit status."""
    try:
        yield
    except Ended as ended:
        _end("Ended", f"by {ended.name}; whatever this command had started is stopped.", ended.status)
    except FlywheelError as error:
        _end(error.title or type(error).__name__, str(error), error.exit_status)
    except Exception as error:
        _end(*_of(error))


def _of(error: Exception) -> tuple[str, str, int]:
    """Name, sentence and exit status for an error that is no FlywheelError."""
    wrong = _setting(error)
    if wrong:
        return "DefinitionError", wrong, WRONG
    if isinstance(error, OSError) and error.errno in FULL:
        where = f"{error.filename}: " if error.filename else ""
        return "Unavailable", f"{where}{FULL[error.errno]}. Free some, or name another FLYWHEEL_HOME.", WRONG
    if isinstance(error, OSError) and error.errno in CLOSED and error.filename:
        sentence = (
            f"{error.filename} {CLOSED[error.errno]} or read by this user. Change that, or name another FLYWHEEL_HOME."
        )
        return "Unavailable", sentence, WRONG
    from infra.settings import Settings
    from orchestration.system import unusable

    home = unusable(Settings().home)
    if home:
        return "Unavailable", home, WRONG
    first = (str(error).strip().splitlines() or ["without a word"])[0][:300]
    more = "" if os.environ.get(DEBUG) else f" The traceback is in {_written(error)}; {DEBUG}=1 shows it here."
    if os.environ.get(DEBUG):
        traceback.print_exception(error)
    return "Unexpected", f"{type(error).__name__}: {first}.{more}", UNEXPECTED


def _setting(error: Exception) -> str | None:
    """What is wrong with a setting of the environment, where that is the error."""
    no_json = re.search(r'field "(\w+)"', str(error)) if type(error).__name__ == "SettingsError" else None
    if no_json:
        name = f"FLYWHEEL_{no_json[1].upper()}"
        return f"{name} is {os.environ.get(name, '')!r}: this is no JSON ({error.__cause__})."
    if type(error).__name__ != "ValidationError" or getattr(error, "title", "") != "Settings":
        return None
    wrong = error.errors()[0]  # type: ignore[attr-defined]
    field, *inside = map(str, wrong["loc"])
    of = f", of {'.'.join(inside)}," if inside else ""
    return f"FLYWHEEL_{field.upper()}{of} is {wrong['input']!r}: {wrong['msg']}."


def _written(error: Exception) -> Path:
    """The file with the traceback: below the home, or where temporary files go when that cannot be written."""
    from infra.settings import Settings

    name, text = f"error-{strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.txt", "".join(traceback.format_exception(error))
    for folder in (Settings().home / "logs", Path(tempfile.gettempdir())):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        except OSError:
            continue
        return folder / name
    return Path(os.devnull)


def _end(name: str, sentence: str, status: int) -> None:
    from rich.markup import escape

    from orchestration.commands.console import out
    from orchestration.commands.of_system import with_system

    end_children()
    out.print(f"[bold red]{name}[/]: {escape(with_system(sentence))}")
    sys.exit(status)
