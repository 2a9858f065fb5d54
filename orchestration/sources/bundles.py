"""Bundles: the many small files of a service's log, put together so that a table's day is one delivery."""

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

    A run may be killed between any two moves: the moved files are a bundle, the others become the next one. Nothing is
    added to a bundle that was taken: taken again, it is byte for byte the same delivery.
    """
    bundled_paths: list[Path] = []
    bundle: Path | None = None
    size = 0
    folder = Path(os.path.abspath(root)) / table.name
    for path in paths:
        if path.suffix == BUNDLE and not any(path.iterdir()):
            path.rmdir()  # a killed run made it and moved nothing
            continue
        if path.suffix == BUNDLE or path.parent.absolute() != folder or not HANDED_OVER.fullmatch(path.name):
            bundled_paths.append(path)
            continue
        if bundle is None or size >= MOST_BYTES:
            bundle, size = root / table.name / path.with_suffix(BUNDLE).name, 0
            bundle.mkdir()
            reached("bundle.made")
            bundled_paths.append(bundle)
        size += path.stat().st_size
        os.replace(path, bundle / path.name)
        reached("bundle.moved")
    return bundled_paths


def handed_over(path: Path) -> bool:
    """Whether a file, or a bundle of them, is the service's: every event in it was acknowledged to some client."""
    return path.suffix == BUNDLE or HANDED_OVER.fullmatch(path.name) is not None


def content(bundle: Path, most_bytes: int = NO_LIMITS.file_bytes) -> bytes:
    """All lines of a bundle's files, in the order of their names; a file may lack the line feed at its end."""
    files = (content_of(path, most_bytes) for path in sorted(bundle.iterdir()))
    return b"".join(file if file.endswith(b"\n") else file + b"\n" for file in files)
