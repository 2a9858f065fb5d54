"""Files that are there whole or not at all: written beside their place, then put in it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.failpoint import reached


@contextmanager
def atomic_write(target: Path) -> Iterator[Path]:
    """Where to write what is to stand at `target`: readers find what was there before or, from the end on, all of it.

    Its folder is made. After an error nothing has changed. The draft's name begins with a dot, which readers of tables
    pass over, and is this process' own.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        yield draft
        reached("whole.drafted")
        os.replace(draft, target)
    finally:
        draft.unlink(missing_ok=True)
