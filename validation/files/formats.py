"""How a landed file is read, by the end of its name: the format of its rows, and the format it is packed in."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import SEEK_END, BytesIO
from tempfile import TemporaryFile
from typing import BinaryIO, cast

import msgspec
import pyarrow as pa

from infra.errors import NotTaken
from infra.settings import FileLimits
from infra.temporary_files import temporary_files
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
from validation.files.json_lines import BOM, object_of, too_large_sentence

CHUNK = 1 << 20
HIGHER = "cut it into several files, or set FLYWHEEL_MAX_UNPACKED_BYTES higher"
PACKED = {".gz": "gzip", ".gzip": "gzip", ".zst": "zstd", ".zstd": "zstd", ".bz2": "bz2"}
"""The packing of a file, by the last end of its name."""
LINES = (".jsonl", ".ndjson")
"""The ends of files of JSON lines: such files can be put together."""


@dataclass(frozen=True, slots=True)
class FileFormat:
    """The format of a file: the end of its name that says how its rows are written, and its packing."""

    end: str
    packed: str | None = None

    @property
    def has_lines(self) -> bool:
        """Whether files of this format can be read as one, line after line."""
        return self.end in LINES


def format_of(name: str) -> FileFormat | None:
    """The format by a file's name, in capitals or not; None for a name that says none."""
    low = name.lower()
    packed = next((end for end in PACKED if low.endswith(end)), None)
    inner = low.removesuffix(packed) if packed else low
    end = next((end for end in READERS if inner.endswith(end)), None)
    return FileFormat(end, PACKED[packed] if packed else None) if end else None


def delivered_from_file(table: Table, name: str, source: bytes | BinaryIO, limits: FileLimits = NO_LIMITS) -> Delivered:
    """The rows of a file, or of its bytes, read as its name says. One that is torn or too large is a single row.

    Raises NotTaken for a name that says no format.
    """
    file_format = format_of(name)
    if file_format is None:
        raise NotTaken(unreadable(name))
    file = BytesIO(source) if isinstance(source, bytes) else source
    try:
        rows = _laid_out(file, file_format.packed, limits) if file_format.packed else file
        return READERS[file_format.end](table, rows, limits)
    except Torn as torn:
        return unreadable_delivery(table, Fault(READABLE, str(torn)), file)
    except NotTaken as large:
        return unreadable_delivery(table, Fault(WITHIN, str(large)), file)


def lines_of(name: str, content: bytes, limits: FileLimits = NO_LIMITS) -> bytes:
    """The JSON lines of a file, unpacked and without a byte order mark; a torn file is one broken line."""
    try:
        return unpacked(name, content, limits).removeprefix(BOM)
    except Torn:
        return content.replace(b"\n", b" ")


class Torn(ValueError):  # noqa: N818 (as in errors.py)
    """A packed file that cannot be unpacked."""


def unpacked(name: str, content: bytes, limits: FileLimits = NO_LIMITS) -> bytes:
    """The content of a file, unpacked where its name says a packing; never more than the limits allow for is in memory.

    Raises NotTaken for more than that, and Torn for content of another packing or that is cut off.
    """
    file_format = format_of(name)
    if file_format is None or file_format.packed is None:
        return content
    return b"".join(_unpacked(pa.BufferReader(content), file_format.packed, limits))


def _laid_out(file: BinaryIO, packed: str, limits: FileLimits) -> BinaryIO:
    """The content of a packed file, in a temporary file without a name, which is gone when it is closed.

    Raises Unavailable where temporary files cannot be written: that is no fault of the delivery.
    """
    size = file.seek(0, SEEK_END)
    if size > limits.file_bytes:
        raise NotTaken(too_large_sentence("the file", size, "bytes", limits.file_bytes, "FLYWHEEL_MAX_FILE_BYTES"))
    file.seek(0)
    with temporary_files("A packed file is unpacked there before it is read."):
        unpacked = cast(BinaryIO, TemporaryFile())  # noqa: SIM115 (what is delivered is read again from it)
        for chunk in _unpacked(pa.PythonFile(_LeftOpen(file), "r"), packed, limits):
            unpacked.write(chunk)
        unpacked.flush()
    return unpacked


class _LeftOpen:
    """A file that stays open: Arrow closes what it has read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.closed = file, False

    def read(self, size: int = -1) -> bytes:
        """So many bytes."""
        return self._file.read(size)

    def close(self) -> None:
        """Nothing."""


def _unpacked(source: pa.NativeFile, packed: str, limits: FileLimits) -> Iterator[bytes]:
    size = 0
    with _torn(packed):
        stream = pa.CompressedInputStream(source, packed)
    while True:
        with _torn(packed):
            chunk = stream.read(CHUNK)
        if not chunk:
            return
        size += len(chunk)
        if size > limits.unpacked_bytes:
            raise NotTaken(f"it holds more than {limits.unpacked_bytes:,} bytes unpacked; {HIGHER}")
        yield chunk


@contextmanager
def _torn(packed: str) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise Torn(f"the file is no readable {packed} ({str(error).splitlines()[0]})") from error


def unreadable(name: str) -> str:
    """The sentence about a file whose name says no format that is read."""
    ends = ", ".join(READERS)
    return f"only {ends} files can be ingested, also packed ({', '.join(PACKED)})"


def _delivered_from_json(table: Table, source: BinaryIO, limits: FileLimits) -> Delivered:
    """A `.json` file: JSON lines, read in parts, or one array of objects or one object, read in one piece."""
    size = source.seek(0, SEEK_END)
    source.seek(0)
    if size > limits.file_bytes or isinstance(object_of(source.readline(limits.line_bytes).removeprefix(BOM)), dict):
        return delivered_from_jsonl(table, source, limits)
    source.seek(0)
    content = source.read()
    try:
        document = msgspec.json.decode(content.removeprefix(BOM), type=list[msgspec.Raw] | dict[str, msgspec.Raw])
    except (ValueError, RecursionError):
        return delivered_from_jsonl(table, source, limits)
    rows = [bytes(row) for row in document] if isinstance(document, list) else [content.removeprefix(BOM)]
    return delivered_from_lines(table, rows, digest_of(table, content))


READERS: dict[str, Callable[[Table, BinaryIO, FileLimits], Delivered]] = {
    ".jsonl": delivered_from_jsonl,
    ".ndjson": delivered_from_jsonl,
    ".json": _delivered_from_json,
    ".csv": delivered_from_csv,
    ".parquet": delivered_from_parquet,
}
"""How rows are read, by the end of a file's name (without that of its packing)."""
