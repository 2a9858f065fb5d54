"""The files that hold a text: searched byte by byte, and where they are packed or columnar by what they hold, too."""

import gzip
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq


def files_with(folder: Path, *texts: str) -> list[str]:
    """The files below a folder that hold one of these texts, or bear it in their name."""
    sought = re.compile(b"|".join(re.escape(text.encode()) for text in texts))
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink()]
    return [
        path.relative_to(folder).as_posix()
        for path in paths
        if sought.search(path.name.encode()) or any(map(sought.search, _contents(path)))
    ]


def _contents(path: Path) -> Iterator[bytes]:
    content = path.read_bytes()
    yield content
    if path.suffix == ".parquet" or content.startswith(b"PAR1"):
        yield repr(pq.read_table(path, partitioning=None).to_pylist()).encode()
    if content.startswith(b"\x1f\x8b"):
        yield gzip.decompress(content)
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as packed:
            yield from (packed.read(name) for name in packed.namelist())
