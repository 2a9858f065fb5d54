"""Files that only their owner can read."""

import os


def from_now_on() -> None:
    """Make all later files of this process and its children private; called before anything writes into a home."""
    os.umask(0o077)
