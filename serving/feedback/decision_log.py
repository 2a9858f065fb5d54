"""The decision log: what was shown, where, why and with which features, written after the answer is sent."""

import logging
import queue
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from serving import metrics
from serving.definition import LandingValues
from serving.feedback.landing_log import LandingLog, recover

log = logging.getLogger(__name__)
END = None
USUAL = LandingValues()


class DecisionLog:
    """Writes rows in a thread of its own. A full queue or disk loses rows and counts them; no request waits."""

    def __init__(
        self, folder: Path, clock: Callable[[], float], values: LandingValues = USUAL, seconds: float = 60.0
    ) -> None:  # fmt: skip
        self._table, self._clock, self._moment_s = folder.name, clock, values.moment_s
        self._queue: queue.Queue[Sequence[bytes] | None] = queue.Queue(values.pages)
        self._log = LandingLog(folder, values.rows, seconds)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="decision-log", daemon=True)

    def start(self) -> None:
        """Hand over the files that an earlier process left, and begin to write."""
        recover(self._log.folder)
        self._thread.start()

    def put(self, rows: Sequence[bytes]) -> None:
        """Take rows to be written; never blocks."""
        try:
            self._queue.put_nowait(rows)
        except queue.Full:
            metrics.DROPPED.labels(self._table).inc(len(rows))

    def stop(self) -> None:
        """Write what is waiting, and hand the file over."""
        self._ending.set()
        self._queue.put(END)
        self._thread.join(timeout=60)  # for a disk that hangs

    def _run(self) -> None:
        going = True
        while going:
            going = self._write(self._next())
        self._log.close()

    def _next(self) -> list[Sequence[bytes] | None]:
        """All rows that come within a moment, so that one sync covers them."""
        try:
            taken = [self._queue.get(timeout=1.0)]
        except queue.Empty:
            return []
        self._ending.wait(self._moment_s)
        while not self._queue.empty():
            taken.append(self._queue.get_nowait())
        return taken

    def _write(self, batches: list[Sequence[bytes] | None]) -> bool:
        lines = [line for rows in batches if rows for line in rows]
        try:
            if lines:
                self._log.append(lines, self._clock())
                metrics.LOGGED.labels(self._table).inc(len(lines))
            self._log.rotate(self._clock())
        except OSError as full:
            metrics.DROPPED.labels(self._table).inc(len(lines))
            log.error("decision log: %d rows lost: %s", len(lines), full)
        return END not in batches
