"""The release history: one line a move in a file that is only ever appended to, and a copy that stands in for it."""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from infra import failpoint
from infra.atomic import atomic_write
from infra.errors import HistoryLost
from training.registry.moves import Move, ParsedMoves, bare, follow, held, lines

REPAIR = "`flywheel releases --repair` keeps what can be read and goes on from the release that is served."


class History:
    """The moves of one system, kept in two files. Whoever changes them holds the lock."""

    def __init__(self, path: Path) -> None:
        self._path, self._copy = path, path.with_suffix(".copy.jsonl")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Held by one process at a time; whoever dies lets go."""
        with exclusive(self._path.with_suffix(".lock")):
            yield

    def read(self) -> tuple[Move, ...]:
        """All moves, oldest first; the copy's where the file is cut short, broken or gone.

        Raises HistoryLost when the copy is no help either.
        """
        both = [_read(self._path), _read(self._copy)]
        broken = next((found.broken for found in both if found.broken), None)
        moves = max((found.moves for found in both if not found.broken), key=_told, default=())
        if broken and not moves:
            raise HistoryLost(f"{self._path}: {broken}, and no copy of it is sound. {REPAIR}")
        if any(bare(moves[: len(found.sure())]) != bare(found.sure()) for found in both):
            raise HistoryLost(f"{self._path}: it and {self._copy.name} tell different moves. {REPAIR}")
        return moves

    def restore(self) -> str | None:
        """Make the file and its copy whole; says what was wrong with the file when moves were missing from it."""
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
        """Go on with the moves that can be read where `read` raises; says what became of the rest."""
        try:
            self.read()
        except HistoryLost as lost:
            both = (_read(self._path).moves, _read(self._copy).moves)
            for path in (self._path, self._copy):
                _replace(path, max(both, key=len))
            return f"{lost} {len(max(both, key=len))} moves were kept; the broken file stands beside it as *.broken."
        return None


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """While the block runs nobody else is in a block of this lock file, on this machine."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def durable(path: Path, content: bytes) -> None:
    """Put a file in place, whole, so that it outlives a loss of power."""
    with atomic_write(path) as draft, draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _told(moves: Sequence[Move]) -> tuple[int, int]:
    """How much a file tells: of two with the same moves the one in which more of them are linked."""
    return len(moves), sum(bool(move.link) for move in moves)


def _read(path: Path) -> ParsedMoves:
    try:
        return held(path.read_bytes())
    except FileNotFoundError:
        return ParsedMoves()


def _replace(path: Path, moves: Sequence[Move]) -> None:
    """Write these moves; what the file held otherwise is set aside."""
    found = _read(path)
    if found.broken or tuple(moves[: len(found.moves)]) != found.moves:
        path.rename(path.with_suffix(".broken"))
    durable(path, lines(moves))
