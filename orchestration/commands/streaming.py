"""`flywheel stream`: the stream as a process, with what it says while it runs, until it is asked to end."""

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

from feature_repo.stream import stream_folder
from infra import alerts
from infra.atomic import atomic_write
from infra.clock import Clock
from infra.ending import raise_if_asked
from infra.errors import Unavailable
from orchestration.system import Installation
from validation.files import shown

if TYPE_CHECKING:
    from feature_repo.stream import Streaming

Say = Callable[[str], None]
LAKE_EVERY_S = 10.0


def catch_up(installation: Installation, say: Say) -> bool:
    """Take everything that waits, bring online what is due, and end; returns whether every file could be taken."""
    with _stream(installation) as stream:
        stream.catch_up_with_lake()
        stream.start(availableNow=True).awaitTermination()
        _bring_online(stream, say)
        _report_failed(installation, stream, set(), say)
        say(_status_line(installation, stream))
        return not stream.failed


def follow(installation: Installation, every_s: float, say: Say) -> None:
    """Take what lands, a micro-batch every so many seconds, until SIGTERM or Ctrl-C.

    Raises Unavailable when Spark gives up; started again, it goes on where it was.
    """
    with _end_event() as ended, _stream(installation) as stream:
        try:
            _follow(installation, stream, every_s, say, ended)
        except Exception:
            if not ended.is_set():  # Java gets the same signal, and may have ended first
                raise
    raise_if_asked(but_by=signal.SIGINT)  # Ctrl-C is how this is meant to end


def _stream(installation: Installation) -> "AbstractContextManager[Streaming]":
    from feature_repo.stream import streaming

    disk = Clock()  # the machine's time, also in a replay: files are dated by the machine, not by the events
    return streaming(installation.settings, installation.system.features, installation.tables, disk)


def _follow(installation: Installation, stream: "Streaming", every_s: float, say: Say, ended: threading.Event) -> None:
    query: Any = None
    lake_read_at, batches_said, failed = -LAKE_EVERY_S, -1, set(stream.failed)
    while not ended.is_set():
        if time.monotonic() - lake_read_at >= LAKE_EVERY_S:
            rebased, lake_read_at = stream.catch_up_with_lake(), time.monotonic()
            if rebased and query is not None:
                query = query.stop()
        query = query or stream.start(processingTime=f"{every_s:g} seconds")
        if not query.isActive:
            raise Unavailable(f"stream: Spark gave up: {query.exception()}")
        _bring_online(stream, say)
        failed = _report_failed(installation, stream, failed, say)
        line = _status_line(installation, stream)
        if stream.progress.batches != batches_said:
            batches_said = stream.progress.batches
            say(line)
        ended.wait(1.0)
    query.stop()


def _bring_online(stream: "Streaming", say: Say) -> None:
    try:
        stream.bring_online()
    except Unavailable as down:
        say(f"not brought online yet: {down}")


def _report_failed(installation: Installation, stream: "Streaming", before: set[str], say: Say) -> set[str]:
    """Print and alert which files failed since the last call; returns all that failed."""
    failures = stream.failed
    for name in sorted(failures.keys() - before):
        say(f"not taken: {shown(name)}: {failures[name]}. The stream goes on without it; ingestion sets it aside")
        alerts.write(
            installation.settings.home,
            installation.now(),
            stream=installation.system.features.name,
            file=shown(name),
            error=failures[name],
        )
    return set(failures)


def _status_line(installation: Installation, stream: "Streaming") -> str:
    """One line about the stream's progress; the same figures go to `status.json` beside its state."""
    done, taken, now = stream.progress, stream.progress.taken, stream.now()
    lag = (now - done.until).total_seconds() if done.until else None
    figures: dict[str, Any] = {
        "at": now.isoformat(),
        "lag_s": lag,
        "batches": done.batches,
        "files": taken.files,
        "accepted": taken.accepted,
        "duplicate": taken.duplicate,
        "quarantined": taken.quarantined,
        "quarantined_by": dict(taken.reasons),
        "failed": stream.failed,
        "from_lake": done.from_lake,
        "records_written": done.written,
        "base": done.base.isoformat() if done.base else None,
    }
    path = stream_folder(installation.settings, installation.system.features.name) / "status.json"
    with atomic_write(path) as draft:
        draft.write_text(json.dumps(figures, indent=1))
    return (
        f"batch {done.batches}: {taken.accepted:,} rows taken, {taken.duplicate:,} repeated, "
        f"{taken.quarantined:,} kept out, {done.written:,} records online, {lag or 0:.1f} s behind"
    )


@contextmanager
def _end_event() -> Iterator[threading.Event]:
    """An event that SIGTERM and Ctrl-C set."""
    ended = threading.Event()
    signs = (signal.SIGINT, signal.SIGTERM)
    before = {sign: signal.signal(sign, lambda *_: ended.set()) for sign in signs}
    try:
        yield ended
    finally:
        for sign, handler in before.items():
            signal.signal(sign, handler)
