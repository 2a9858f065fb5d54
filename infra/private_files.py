"""What a process makes is its owner's alone."""

import os


def from_now_on() -> None:
    """Files that this process and its children make can be read by nobody else: said first by whatever makes a home."""
    os.umask(0o077)
