"""Rows appended to landing files: complete lines, synced to disk, handed over when closed."""

import fcntl
import itertools
import logging
import os
from datetime import UTC, datetime
from pathlib import Path

OPEN = ".open"
RECOVER_EVERY_S = 5.0  # a look at the folder costs little; a killed process is rare
log = logging.getLogger(__name__)
serial = itertools.count(1)


class LandingLog:
    """The landing file of one table that this process writes now.

    Rows go to `<table>-<moment>-<pid>-<n>.jsonl.open`. The file loses the `.open`, and ingestion may read it, when it
    has `rows` rows, is `seconds` old, or the process ends. Files that killed processes left are handed over as well,
    by the next process to start or by one that still runs.
    """

    def __init__(self, folder: Path, rows: int = 20_000, seconds: float = 60.0) -> None:
        self.folder, self._most_rows, self._most_seconds = folder, rows, seconds
        self._file: int | None = None
        self._path = folder
        self._rows = 0
        self._opened = 0.0
        self._recovered = 0.0

    def append(self, lines: list[bytes], now: float) -> None:
        """Write the lines and sync them: then they outlive the machine. Raises OSError if they could not be written."""
        if self._file is None:
            self._open(now)
        assert self._file is not None
        size = os.fstat(self._file).st_size
        try:
            _write_all(self._file, b"".join(line + b"\n" for line in lines))
            os.fsync(self._file)
        except OSError:
            self._undo(size)
            raise
        self._rows += len(lines)
        if self._rows >= self._most_rows:
            self.close()

    def rotate(self, now: float) -> None:
        """Hand the file over if it is old enough, and now and then the files of a sibling that was killed."""
        if self._file is not None and now - self._opened >= self._most_seconds:
            self.close()
        if now - self._recovered >= RECOVER_EVERY_S:
            self._recovered = now
            recover(self.folder)

    def close(self) -> None:
        """Hand the file over."""
        if self._file is not None:
            file, rows, self._file, self._rows = self._file, self._rows, None, 0
            try:
                if rows:
                    os.rename(self._path, self._path.with_suffix(""))
                else:
                    os.unlink(self._path)
            finally:
                os.close(file)

    def _undo(self, size: int) -> None:
        """Take back what was written of rows that are refused: half a row would break the file for good."""
        assert self._file is not None
        try:
            os.ftruncate(self._file, size)
        except OSError:  # then this file is `recover`'s, which cuts half a row off
            os.close(self._file)
            self._file, self._rows = None, 0

    def _open(self, now: float) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        moment = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%S")  # ingestion reads the day from it
        self._path = self.folder / f"{self.folder.name}-{moment}-{os.getpid()}-{next(serial)}.jsonl{OPEN}"
        draft = self._path.with_suffix(".made")
        file = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_WRONLY, 0o640)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)  # tells `recover` that the file is in use, before it could find the file
            os.rename(draft, self._path)
            _sync(self.folder)  # a row outlives the machine only in a file whose name does
        except OSError:
            os.close(file)
            raise
        self._file, self._rows, self._opened = file, 0, now


def recover(folder: Path) -> list[Path]:
    """Hand over files that ended processes left open, without a last line that was cut short."""
    handed_over = []
    for path in sorted(folder.glob(f"*.jsonl{OPEN}")):
        try:
            with path.open("r+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                rows = file.read().rfind(b"\n") + 1
                file.truncate(rows)
                if not rows:
                    path.unlink()
                    continue
                path.rename(path.with_suffix(""))
        except (BlockingIOError, FileNotFoundError):  # another process writes it, or was faster
            continue
        handed_over.append(path.with_suffix(""))
        log.warning("landing: %s was left open by a process that ended; handed over", path.name)
    return handed_over


def _sync(folder: Path) -> None:
    file = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _write_all(file: int, data: bytes) -> None:
    while data:
        data = data[os.write(file, data) :]
