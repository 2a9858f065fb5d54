"""Bundles: the many small files that a service hands over, put together so that a table's day is one delivery."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

from validation.contract import Table
from validation.formats import LIMITS
from validation.landed import BUNDLE, content_of

MOST_BYTES = 64_000_000
HANDED_OVER = re.compile(r".*-\d{8}T\d{6}-\d+-\d+\.jsonl")
"""What serving calls its landing files; what others deliver stays as it was delivered."""


def bundled(root: Path, table: Table, paths: Iterable[Path]) -> list[Path]:
    """The same files in the same order, those of a service in bundles: folders of the table's landing folder.

    Files never come to a bundle later: one that a killed run leaves behind is, byte for byte, the same delivery.
    """
    found: list[Path] = []
    bundle: Path | None = None
    size = 0
    folder = Path(os.path.abspath(root)) / table.name
    for path in paths:
        if path.suffix == BUNDLE or path.parent.absolute() != folder or not HANDED_OVER.fullmatch(path.name):
            found.append(path)
            continue
        if bundle is None or size >= MOST_BYTES:
            bundle, size = root / table.name / path.with_suffix(BUNDLE).name, 0
            bundle.mkdir()
            found.append(bundle)
        size += path.stat().st_size
        os.replace(path, bundle / path.name)
    return found


def content(bundle: Path, most_bytes: int = LIMITS.file_bytes) -> bytes:
    """All lines of a bundle's files, in the order of their names."""
    return b"".join(content_of(path, most_bytes) for path in sorted(bundle.iterdir()))
