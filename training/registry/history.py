"""The release history: an append-only file with one line a move, and a copy that replaces it when it is damaged."""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from infra import failpoint
from infra.atomic import atomic_write
from infra.errors import HistoryLost
from training.registry.moves import Move, ParsedMoves, bare, follow, lines, parse_moves

REPAIR = "`flywheel releases --repair` keeps what can be read and goes on from the release that is served."


class History:
    """The moves of one system, kept in two files. Whoever changes them holds the lock."""

    def __init__(self, path: Path) -> None:
        self._path, self._copy = path, path.with_suffix(".copy.jsonl")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Only one process at a time is in this block; the lock of a process that dies is released."""
        with exclusive(self._path.with_suffix(".lock")):
            yield

    def read(self) -> tuple[Move, ...]:
        """All moves, oldest first; the copy's where the file is cut short, broken or gone.

        Raises HistoryLost when the copy is broken or gone too.
        """
        both_files = [_read(self._path), _read(self._copy)]
        broken = next((parsed.broken for parsed in both_files if parsed.broken), None)
        moves = max((parsed.moves for parsed in both_files if not parsed.broken), key=_moves_and_links, default=())
        if broken and not moves:
            raise HistoryLost(f"{self._path}: {broken}, and no copy of it is sound. {REPAIR}")
        if any(bare(moves[: len(parsed.sure())]) != bare(parsed.sure()) for parsed in both_files):
            raise HistoryLost(f"{self._path}: it and {self._copy.name} hold different moves. {REPAIR}")
        return moves

    def restore(self) -> str | None:
        """Make the file and its copy complete; says what was wrong with the file when moves were missing from it."""
        moves, file, copy = self.read(), _read(self._path), _read(self._copy)
        if copy.broken or copy.moves != moves:
            _replace(self._copy, moves)
        if not file.broken and file.moves == moves:
            return None
        _replace(self._path, moves)
        wrong = file.broken or f"{len(moves) - len(file.moves)} of {len(moves)} moves were missing"
        return f"{self._path}: {wrong}; it was restored from its copy."

    def append(self, move: Move) -> None:
        """Write one more move, durably, and the copy after it."""
        self.restore()
        moves = self.read()
        chained = follow(moves, move)
        with self._path.open("ab+") as file:
            file.seek(0)
            file.truncate(file.read().rfind(b"\n") + 1)
            file.write(lines([chained]))
            file.flush()
            os.fsync(file.fileno())
        failpoint.reached("registry-history-written")
        durable(self._copy, lines([*moves, chained]))

    def salvage(self) -> str | None:
        """Where `read` raises, keep the moves that can be read; returns a sentence about the rest."""
        try:
            self.read()
        except HistoryLost as lost:
            moves = max(_read(self._path).moves, _read(self._copy).moves, key=len)
            for path in (self._path, self._copy):
                _replace(path, moves)
            return f"{lost} {len(moves)} moves were kept; the broken file is beside it as *.broken."
        return None


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """While the block runs, no other process of this machine is in a block of this lock file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def durable(path: Path, content: bytes) -> None:
    """Put a complete file in place, so that it survives a loss of power."""
    with atomic_write(path) as draft, draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _moves_and_links(moves: Sequence[Move]) -> tuple[int, int]:
    """The number of moves and of linked moves, to compare two files: the one with more holds more."""
    return len(moves), sum(bool(move.link) for move in moves)


def _read(path: Path) -> ParsedMoves:
    try:
        return parse_moves(path.read_bytes())
    except FileNotFoundError:
        return ParsedMoves()


def _replace(path: Path, moves: Sequence[Move]) -> None:
    """Write these moves; a file that holds anything else is renamed to *.broken."""
    parsed = _read(path)
    if parsed.broken or tuple(moves[: len(parsed.moves)]) != parsed.moves:
        path.rename(path.with_suffix(".broken"))
    durable(path, lines(moves))
