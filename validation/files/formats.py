"""How a landed file is read, by the end of its name: what its rows are written as, and what it is packed with."""

from collections.abc import Callable
from dataclasses import dataclass
from io import SEEK_END, BytesIO
from typing import BinaryIO

import msgspec
import pyarrow as pa

from infra.errors import NotTaken
from infra.settings import FileLimits
from validation.contract import Table
from validation.files.csv_lines import delivered_from_csv
from validation.files.delivered import (
    NO_LIMITS,
    READABLE,
    WITHIN,
    Delivered,
    delivered_from_jsonl,
    delivered_from_lines,
    delivered_from_parquet,
    digest_of,
    unreadable_delivery,
)
from validation.files.flaws import Fault
from validation.files.json_lines import too_large_sentence

CHUNK = 1 << 20
HIGHER = "cut it into several files, or set FLYWHEEL_MAX_UNPACKED_BYTES higher"
BOM = b"\xef\xbb\xbf"
PACKED = {".gz": "gzip", ".gzip": "gzip", ".zst": "zstd", ".zstd": "zstd", ".bz2": "bz2"}
"""What a file is packed with, by the last end of its name."""
LINES = (".jsonl", ".ndjson")
"""The ends of files of JSON lines: such files can be put together."""


@dataclass(frozen=True, slots=True)
class FileFormat:
    """How a file is written: the end of its name that says what its rows are, and what it is packed with."""

    end: str
    packed: str | None = None

    @property
    def has_lines(self) -> bool:
        """Whether files of this format can be read as one, line after line."""
        return self.end in LINES


def format_of(name: str) -> FileFormat | None:
    """The format that a file's name tells, in capitals or not; None for a name that tells none."""
    low = name.lower()
    packed = next((end for end in PACKED if low.endswith(end)), None)
    inner = low.removesuffix(packed) if packed else low
    end = next((end for end in READERS if inner.endswith(end)), None)
    return FileFormat(end, PACKED[packed] if packed else None) if end else None


def delivered_from_file(table: Table, name: str, source: bytes | BinaryIO, limits: FileLimits = NO_LIMITS) -> Delivered:
    """The rows of a file, or of its bytes, read as its name says. One that is torn or too large is a single row.

    Raises NotTaken for a name that tells no format.
    """
    found = format_of(name)
    if found is None:
        raise NotTaken(unreadable(name))
    if found.packed is None and found.end in IN_PARTS:
        return IN_PARTS[found.end](table, source, limits)
    file = BytesIO(source) if isinstance(source, bytes) else source
    size = file.seek(0, SEEK_END)
    file.seek(0)
    if size > limits.file_bytes:
        told = too_large_sentence("the file", size, "bytes", limits.file_bytes, "FLYWHEEL_MAX_FILE_BYTES")
        return unreadable_delivery(table, Fault(WITHIN, told), file)
    content = file.read()
    try:
        return READERS[found.end](table, unpacked(name, content, limits), limits)
    except Torn as torn:
        return unreadable_delivery(table, Fault(READABLE, str(torn)), content)
    except NotTaken as large:
        return unreadable_delivery(table, Fault(WITHIN, str(large)), content)


def lines_of(name: str, content: bytes, limits: FileLimits = NO_LIMITS) -> bytes:
    """The JSON lines of a file, unpacked and without a byte order mark; a torn file is what it is, one broken line."""
    try:
        return unpacked(name, content, limits).removeprefix(BOM)
    except Torn:
        return content.replace(b"\n", b" ")


class Torn(ValueError):  # noqa: N818 (as in errors.py)
    """A packed file that cannot be unpacked."""


def unpacked(name: str, content: bytes, limits: FileLimits = NO_LIMITS) -> bytes:
    """The content that a file's name says is packed, unpacked; never more than the limits allow for is held.

    Raises NotTaken beyond that, and Torn for what is no such packing, or is cut off.
    """
    found = format_of(name)
    if found is None or found.packed is None:
        return content
    held = bytearray()
    try:
        with pa.CompressedInputStream(pa.BufferReader(content), found.packed) as stream:
            while chunk := stream.read(CHUNK):
                held += chunk
                if len(held) > limits.unpacked_bytes:
                    raise NotTaken(f"it holds more than {limits.unpacked_bytes:,} bytes unpacked; {HIGHER}")
    except (pa.ArrowException, OSError) as error:
        raise Torn(f"the file is no readable {found.packed} ({str(error).splitlines()[0]})") from error
    return bytes(held)


def unreadable(name: str) -> str:
    """The sentence about a file whose name tells no format that is read."""
    known = ", ".join(READERS)
    return f"only {known} files can be ingested, also packed ({', '.join(PACKED)})"


def _delivered_from_json(table: Table, content: bytes, limits: FileLimits) -> Delivered:
    """A `.json` file: one array of objects, one object over several lines, or JSON lines."""
    try:
        whole = msgspec.json.decode(content.removeprefix(BOM), type=list[msgspec.Raw] | dict[str, msgspec.Raw])
    except (ValueError, RecursionError):
        return delivered_from_jsonl(table, content, limits)
    rows = [bytes(row) for row in whole] if isinstance(whole, list) else [content.removeprefix(BOM)]
    return delivered_from_lines(table, rows, digest_of(table, content))


IN_PARTS: dict[str, Callable[[Table, bytes | BinaryIO, FileLimits], Delivered]] = {
    **dict.fromkeys(LINES, delivered_from_jsonl),
    ".parquet": delivered_from_parquet,
}
"""How files are read that need not be read whole."""
READERS: dict[str, Callable[[Table, bytes, FileLimits], Delivered]] = {
    ".jsonl": delivered_from_jsonl,
    ".ndjson": delivered_from_jsonl,
    ".json": _delivered_from_json,
    ".csv": delivered_from_csv,
    ".parquet": delivered_from_parquet,
}
"""How rows are read, by the end of a file's name (without that of its packing)."""
