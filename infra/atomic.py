"""Files that appear complete or not at all: written beside their place, then moved into it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.failpoint import reached


@contextmanager
def atomic_write(target: Path) -> Iterator[Path]:
    """The path of a draft that replaces `target` at the end of the block: readers see the old file or the new one.

    The folder is made. After an error nothing has changed. The draft's name begins with a dot, so that readers of
    tables ignore it, and ends with the process id, so that two processes do not share it.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        yield draft
        reached("whole.drafted")
        os.replace(draft, target)
    finally:
        draft.unlink(missing_ok=True)
