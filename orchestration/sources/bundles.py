"""Bundles: the many small files that a service hands over, put together so that a table's day is one delivery."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

from infra.failpoint import reached
from validation.contract import Table
from validation.files import BUNDLE, NO_LIMITS, content_of

MOST_BYTES = 64_000_000
HANDED_OVER = re.compile(r".*-\d{8}T\d{6}-\d+-\d+\.jsonl")
"""What serving calls its landing files; what others deliver stays as it was delivered."""


def bundled(root: Path, table: Table, paths: Iterable[Path]) -> list[Path]:
    """The same files in the same order, those of a service in bundles: folders of the table's landing folder.

    A run may be killed between any two moves: what it moved is a bundle, what it did not move becomes the next one.
    Once a bundle is taken nothing comes to it: taken again it is, byte for byte, the same delivery.
    """
    found: list[Path] = []
    bundle: Path | None = None
    size = 0
    folder = Path(os.path.abspath(root)) / table.name
    for path in paths:
        if path.suffix == BUNDLE and not any(path.iterdir()):
            path.rmdir()  # a killed run made it and moved nothing
            continue
        if path.suffix == BUNDLE or path.parent.absolute() != folder or not HANDED_OVER.fullmatch(path.name):
            found.append(path)
            continue
        if bundle is None or size >= MOST_BYTES:
            bundle, size = root / table.name / path.with_suffix(BUNDLE).name, 0
            bundle.mkdir()
            reached("bundle.made")
            found.append(bundle)
        size += path.stat().st_size
        os.replace(path, bundle / path.name)
        reached("bundle.moved")
    return found


def handed_over(path: Path) -> bool:
    """Whether a file, or a bundle of them, is the service's: every event in it was acknowledged to some client."""
    return path.suffix == BUNDLE or HANDED_OVER.fullmatch(path.name) is not None


def content(bundle: Path, most_bytes: int = NO_LIMITS.file_bytes) -> bytes:
    """All lines of a bundle's files, in the order of their names; a file's last line may have no sign of its end."""
    files = (content_of(path, most_bytes) for path in sorted(bundle.iterdir()))
    return b"".join(file if file.endswith(b"\n") else file + b"\n" for file in files)
