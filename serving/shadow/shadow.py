"""The thread in which the release on trial scores, beside the answers: it drops work before it delays one."""

import logging
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from time import monotonic

import msgspec

from infra.clock import Clock
from infra.settings import Settings
from serving import metrics
from serving.definition import ProcessValues, ShadowValues
from serving.feedback import DecisionLog
from serving.limits import Shedding
from serving.shadow.shadow_row import ShadowRow

log = logging.getLogger(__name__)
END = None
BUSY, TOO_MANY, FULL = "dropped_busy", "dropped_rate", "dropped_full"
FOLDER = "shadow"  # below the part of the home that the service keeps
Look = Callable[[], None]
Work = Callable[[Look], ShadowRow]
HASHES = float(1 << 32)
_encode = msgspec.json.Encoder().encode


class Busy(Exception):  # noqa: N818  it is named for what happened
    """An answer is being made: what the shadow was at is dropped."""


class Shadow:
    """Takes work, one at a time, and writes what comes of it to the shadow log.

    busy  whether an answer would have to share the processor now
    """

    def __init__(self, written: DecisionLog, values: ShadowValues, busy: Callable[[], bool]) -> None:
        self._log, self._values, self._busy = written, values, busy
        self._waiting: queue.Queue[Work | None] = queue.Queue(values.waiting)
        self._next_at = 0.0
        self._dropped = {why: metrics.Tally(metrics.SHADOW.labels(why)) for why in (BUSY, TOO_MANY, FULL)}
        self._thread = threading.Thread(target=self._run, name="shadow", daemon=True)

    def start(self) -> None:
        """Begin to score what is offered."""
        self._log.start()
        self._thread.start()

    def stop(self) -> None:
        """End after the work that has begun, and hand the log over."""
        while True:
            try:
                self._waiting.put_nowait(END)
                break
            except queue.Full:
                with suppress(queue.Empty):  # the thread was faster
                    self._waiting.get_nowait()
        self._thread.join(timeout=60)
        self._log.stop()

    def offer(self, request_id: str, work: Work) -> None:
        """Take work for later, or drop and count it: it is never waited for."""
        if int(request_id[:8], 16) >= self._values.share * HASHES:
            return
        now = monotonic()
        if now < self._next_at:
            self._dropped[TOO_MANY].inc()
        elif self._busy():
            self._dropped[BUSY].inc()
        else:
            try:
                self._waiting.put_nowait(work)
                self._next_at = now + 1 / self._values.a_second
            except queue.Full:
                self._dropped[FULL].inc()

    def _run(self) -> None:
        while (work := self._waiting.get()) is not END:
            try:
                self._look()
                row = work(self._look)
                line = _encode(row)
            except Busy:
                metrics.SHADOW.labels(BUSY).inc()
            except Exception:
                log.exception("shadow: a comparison failed")
                metrics.SHADOW.labels("failed").inc()
            else:
                metrics.SHADOW.labels("failed" if row.error else "scored").inc()
                self._log.put([line])

    def _look(self) -> None:
        if self._busy():
            raise Busy


def shadow_of(settings: Settings, clock: Clock, process: ProcessValues, shedding: Shedding) -> Shadow:
    """The shadow of one system, which works while no answer is being made and all work is done."""
    written = DecisionLog(settings.serving / FOLDER, clock.now, process.landing, settings.hand_over_s)
    return Shadow(written, process.shadow, lambda: shedding.in_flight > 0 or shedding.quality < 1)
