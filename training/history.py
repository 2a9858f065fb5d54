"""The release history: one line a move, written before anything else changes; what is live follows from it."""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec

from validation.errors import Unavailable


class Move(msgspec.Struct, frozen=True):
    """One move of what is live: when, what was done, from which version to which, who did it and why.

    `digest` is that of the release that went live.
    """

    at: datetime
    action: Literal["promote", "rollback"]
    before: str | None
    after: str
    digest: str
    who: str
    why: str

    def row(self) -> tuple[str, str, str, str, str, str]:
        """The cells of a line: at, action, from, to, who, why."""
        moment = self.at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
        return (moment, self.action, self.before or "–", self.after, self.who, self.why)


class History:
    """The moves in a file that is only ever appended to."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Held by one process at a time; whoever dies lets go."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.with_suffix(".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def read(self) -> tuple[Move, ...]:
        """All moves, oldest first. A last line cut short by a crash never happened."""
        try:
            raw = self._path.read_bytes()
        except FileNotFoundError:
            return ()
        lines = raw.split(b"\n")[:-1]
        try:
            return tuple(msgspec.json.decode(line, type=Move) for line in lines)
        except msgspec.MsgspecError as broken:
            raise Unavailable(f"{self._path}: a line is no move: {broken}. Restore the file from its copy.") from broken

    def append(self, move: Move) -> None:
        """Write one more move, durably; the caller holds the lock."""
        with self._path.open("ab+") as file:
            file.seek(0)
            file.truncate(file.read().rfind(b"\n") + 1)
            file.write(msgspec.json.encode(move) + b"\n")
            file.flush()
            os.fsync(file.fileno())


def standing(moves: Sequence[Move]) -> list[str]:
    """The releases that stand on each other, the live one last: a promotion adds one, a rollback takes one away."""
    stack: list[str] = []
    for move in moves:
        if move.action == "rollback" and len(stack) > 1:
            stack.pop()
        else:
            stack.append(move.after)
    return stack


def live_at(moves: Sequence[Move], moment: datetime) -> str | None:
    """What was live at a moment."""
    before = [move.after for move in moves if move.at <= moment]
    return before[-1] if before else None
