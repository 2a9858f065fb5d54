"""A cache of numba's machine code in files of the installation, so that a process starts seconds sooner.

The files are in `loops` in the installation's home, or in NUMBA_CACHE_DIR. They hold code that is run, so they are used
only where no other user can write. A cache that cannot be used or written costs the time to compile; one that cannot be
read is removed and filled again.
"""

import logging
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from infra.settings import Settings

LOCATOR = "UserProvidedCacheLocator"  # numba's other locators write beside the source, or into a folder of all programs
OTHERS_MAY_WRITE = 0o022
ONE_AT_A_TIME = threading.RLock()
log = logging.getLogger(__name__)


def compiled(function: Callable[..., Any], signature: Any, **options: Any) -> Callable[..., Any]:
    """A function compiled for one signature only: loaded from the cache, or compiled and put there."""
    from numba import config, njit

    with ONE_AT_A_TIME:
        folder = _root() / "-".join(f"{name}={value}" for name, value in sorted(options.items()))
        try:
            _must_be_ours(folder)
            config.CACHE_DIR, config.CACHE_LOCATOR_CLASSES = str(folder), LOCATOR
            return njit(signature, cache=True, **options)(function)  # type: ignore[no-any-return]
        except (OSError, RuntimeError) as refused:  # numba raises RuntimeError for a folder that it may not write to
            log.warning("loops: %s is compiled anew at each start: %s", function.__qualname__, refused)
        except Exception as broken:  # reading a damaged file may raise anything
            log.warning("loops: the cache in %s is removed, it cannot be read: %r", folder, broken)
            shutil.rmtree(folder, ignore_errors=True)
        return njit(signature, **options)(function)  # type: ignore[no-any-return]


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
