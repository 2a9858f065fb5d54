"""The folder for temporary files, and the error where none can be written."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import gettempdir

from infra.errors import Unavailable


@contextmanager
def temporary_files(purpose: str) -> Iterator[None]:
    """In the block, an OSError becomes Unavailable: it names the folder, the `purpose` of the file, and TMPDIR."""
    try:
        gettempdir()
        yield
    except OSError as error:
        raise Unavailable(
            f"temporary files cannot be written to {_folder()}: {error.strerror}. {purpose} Free some room, or set "
            "TMPDIR to a folder that this user can write to and that has room."
        ) from error


def _folder() -> str:
    try:
        return gettempdir()
    except OSError:  # Python has tried TMPDIR and the folders of the system
        return f"{os.environ.get('TMPDIR', 'TMPDIR, which is not set,')} or a folder of the system"
