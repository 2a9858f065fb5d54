"""One writer at a time: a second one waits, says for which process, and fails after some time."""

import fcntl
import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import msgspec

from infra.errors import Unavailable

LOOK_AGAIN_S = 0.1
log = logging.getLogger(__name__)


class _Holder(msgspec.Struct):
    pid: int
    command: str
    since: float


@contextmanager
def exclusive(path: Path, what: str, wait_s: float) -> Iterator[None]:
    """Hold the lock of a file while the block runs; raises Unavailable when another process has it after `wait_s`.

    The kernel releases it when the process ends, in whatever way.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        _acquire(file, what, wait_s)
        _note(file)
        try:
            yield
        finally:
            file.truncate(0)


def _acquire(file: IO[str], what: str, wait_s: float) -> None:
    deadline, warned = time.monotonic() + wait_s, False
    while not _taken(file):
        if time.monotonic() >= deadline:
            raise Unavailable(
                f"{what}: {_holder(file)}; waited {wait_s:g} s. Run this again when it has ended, or wait longer "
                "(FLYWHEEL_WRITER_WAIT_S)."
            )
        if not warned:
            log.warning("%s: %s. Waiting, %g s at most (FLYWHEEL_WRITER_WAIT_S).", what, _holder(file), wait_s)
            warned = True
        time.sleep(LOOK_AGAIN_S)


def _taken(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _note(file: IO[str]) -> None:
    command = " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])[:200]
    file.truncate(0)
    file.write(msgspec.json.encode(_Holder(os.getpid(), command, time.time())).decode())
    file.flush()


def _holder(file: IO[str]) -> str:
    file.seek(0)
    try:
        holder = msgspec.json.decode(file.read(), type=_Holder)
    except msgspec.MsgspecError:  # it has the lock and has not written its note yet
        return "another process writes it"
    return f"process {holder.pid} (`{holder.command}`) has been writing it for {time.time() - holder.since:.0f} s"
