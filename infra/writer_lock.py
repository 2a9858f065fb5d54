"""One writer at a time: who comes second waits, says for whom, and gives up after a while with a sentence."""

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
def held(path: Path, what: str, wait_s: float) -> Iterator[None]:
    """Hold what the file stands for; raises Unavailable when somebody else still does after `wait_s` seconds.

    The kernel frees it with the process, however that ends.
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
    end, told = time.monotonic() + wait_s, False
    while not _taken(file):
        if time.monotonic() >= end:
            raise Unavailable(
                f"{what}: {_holder(file)}; waited {wait_s:g} s. Run this again when it has ended, or wait longer "
                "(FLYWHEEL_WRITER_WAIT_S)."
            )
        if not told:
            log.warning("%s: %s. Waiting, %g s at most (FLYWHEEL_WRITER_WAIT_S).", what, _holder(file), wait_s)
            told = True
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
    except msgspec.MsgspecError:  # it has the lock, and has not yet said who it is
        return "another process writes it"
    return f"process {holder.pid} (`{holder.command}`) has been writing it for {time.time() - holder.since:.0f} s"
