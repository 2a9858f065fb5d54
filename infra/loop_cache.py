"""A cache of numba's machine code in files of the installation, so that a process starts seconds sooner.

The files are in `loops` in the installation's home, or where NUMBA_CACHE_DIR says. They are code that will be run, so
they are used only where nobody else can write. A cache that cannot be used or written costs the time to compile,
nothing else; one that cannot be read is removed and filled again. Of processes that start together with an empty cache,
one compiles a function and the others load it: a lock file lets the others wait, for a limited time.
"""

import fcntl
import logging
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from infra.settings import Settings

LOCATOR = "UserProvidedCacheLocator"  # numba's other locators write beside the source, or into a folder of all programs
OTHERS_MAY_WRITE = 0o022
ONE_AT_A_TIME = threading.RLock()
LOCK = "lock"
WAITS_S, LOOKS_EVERY_S = 60.0, 0.02  # a holder that is stopped must not keep others from answering
log = logging.getLogger(__name__)


def compiled(function: Callable[..., Any], signature: Any, **options: Any) -> Callable[..., Any]:
    """A function compiled for one signature only: loaded from the cache, or compiled and put there."""
    from numba import config, njit

    with ONE_AT_A_TIME:
        folder = _root() / "-".join(f"{name}={value}" for name, value in sorted(options.items()))
        try:
            _must_be_ours(folder)
            config.CACHE_DIR, config.CACHE_LOCATOR_CLASSES = str(folder), LOCATOR
            with _one_process(folder, function):
                return njit(signature, cache=True, **options)(function)  # type: ignore[no-any-return]
        except (OSError, RuntimeError) as refused:  # numba raises RuntimeError for a folder that it may not write to
            log.warning("loops: %s is compiled anew at each start: %s", function.__qualname__, refused)
        except Exception as broken:  # reading a damaged file may raise anything
            log.warning("loops: the cache in %s is removed, it cannot be read: %r", folder, broken)
            shutil.rmtree(folder, ignore_errors=True)
        return njit(signature, **options)(function)  # type: ignore[no-any-return]


@contextmanager
def _one_process(folder: Path, function: Callable[..., Any]) -> Iterator[None]:
    """Keeps other processes from compiling the function meanwhile; loading it from the cache needs no lock."""
    if _is_cached(folder, function):
        yield
        return
    with (folder / LOCK).open("ab") as lock:
        gives_up_at = time.monotonic() + WAITS_S
        while not _locked(lock.fileno()) and time.monotonic() < gives_up_at:
            time.sleep(LOOKS_EVERY_S)
        yield


def _is_cached(folder: Path, function: Callable[..., Any]) -> bool:
    """Whether numba has an index of the function that is not older than its source."""
    code = function.__code__
    name = f"{Path(code.co_filename).stem}.{function.__qualname__}-{code.co_firstlineno}.*.nbi"
    written = Path(code.co_filename).stat().st_mtime
    return any(index.stat().st_mtime >= written for index in folder.glob(f"*/{name}"))


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _root() -> Path:
    return Path(os.environ.get("NUMBA_CACHE_DIR") or Settings().home.absolute() / "loops")


def _must_be_ours(folder: Path) -> None:
    """Raises PermissionError when another user may write there."""
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    for place in (folder.parent, folder):
        status = place.stat()
        if status.st_uid != os.geteuid() or status.st_mode & OTHERS_MAY_WRITE:
            raise PermissionError(f"{place} is not this user's alone")
