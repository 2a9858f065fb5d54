"""The size of a Parquet file's unpacked values, without unpacking them: 3 MB of a file can stand for 20 GB.

Numbers take their width. A text is written once in the dictionary of its column chunk, or as a change of the text
before it (DELTA_BYTE_ARRAY), and can stand for millions of values. The longest one is found first: one row of a chunk
brings its dictionary. Where values times longest text is too much, the texts are counted, without unpacking them.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from infra.settings import FileLimits
from validation.files.json_lines import too_large_sentence

MOST_FOOTER = 1 << 24  # bytes: a footer that is read takes ten times its room
MAGIC = b"PAR1"
AT_ONCE = 16_384
MOST_AT_ONCE = 1 << 26  # bytes unpacked together
SMALL = 1 << 20  # bytes: a chunk that cannot be larger unpacked is not looked into
WIDTH = {"BOOLEAN": 1, "INT32": 4, "INT64": 8, "INT96": 12, "FLOAT": 4, "DOUBLE": 8}
WRITTEN_OUT = {"PLAIN", "RLE", "BIT_PACKED", "DELTA_LENGTH_BYTE_ARRAY"}
BY_DICTIONARY = {"PLAIN", "RLE", "BIT_PACKED", "PLAIN_DICTIONARY", "RLE_DICTIONARY"}


@dataclass(frozen=True, slots=True)
class _Chunk:
    """A column of a row group: at most `size` bytes unpacked, in `values` of at most `longest` bytes."""

    group: int
    path: str
    packed: int
    values: int
    longest: int
    size: int
    repeats: bool = False
    by_dictionary: bool = False


@dataclass(frozen=True, slots=True)
class Size:
    """The problem of a file that is too large, or how many rows of it to unpack together."""

    problem: str | None = None
    at_once: int = AT_ONCE


def size_of(source: BinaryIO, limits: FileLimits) -> Size:
    """Whether a Parquet file is within limits, by its footer and, where that is not enough, by its dictionaries."""
    if footer_bytes(source) > MOST_FOOTER:
        return Size(too_large_sentence("the footer", footer_bytes(source), "bytes", MOST_FOOTER, "fixed"))
    file = pq.ParquetFile(source, buffer_size=SMALL)
    facts = file.metadata
    if facts.num_columns > limits.columns:
        return Size(
            too_large_sentence("the file", facts.num_columns, "columns", limits.columns, "FLYWHEEL_MAX_COLUMNS")
        )
    rows = max(facts.num_rows, sum(facts.row_group(group).num_rows for group in range(facts.num_row_groups)))
    if rows > limits.rows:
        return Size(too_large_sentence("the file", rows, "rows", limits.rows, "FLYWHEEL_MAX_ROWS"))
    packed = sum(facts.row_group(group).total_byte_size for group in range(facts.num_row_groups))
    if packed > limits.unpacked_bytes:
        return Size(
            too_large_sentence(
                "unpacked the file", packed, "bytes", limits.unpacked_bytes, "FLYWHEEL_MAX_UNPACKED_BYTES"
            )
        )
    _open_each_group(file)
    look = _Look(source, facts, limits.unpacked_bytes)
    chunks = [look.longest(chunk) for chunk in _chunks(facts)]
    if sum(chunk.size for chunk in chunks) > limits.unpacked_bytes:
        chunks = look.counted(chunks)
    size = sum(chunk.size for chunk in chunks)
    if size > limits.unpacked_bytes:
        return Size(
            too_large_sentence("unpacked the file", size, "bytes", limits.unpacked_bytes, "FLYWHEEL_MAX_UNPACKED_BYTES")
        )
    return Size(at_once=_at_once(facts, chunks))


def footer_bytes(source: BinaryIO) -> int:
    """The length of a Parquet file's footer as its last bytes say; 0 where they are not those of a Parquet file."""
    size = source.seek(0, 2)
    source.seek(max(size - 8, 0))
    length, magic = struct.unpack("<I4s", source.read(8).rjust(8, b"\0"))
    return int(length) if magic == MAGIC and length < size else 0


def _open_each_group(file: pq.ParquetFile) -> None:
    """Read a row of each group: a broken chunk raises here, while reading its metadata would end the process."""
    for group in range(file.metadata.num_row_groups):
        next(file.iter_batches(1, row_groups=[group], use_threads=False), None)


def _chunks(facts: pq.FileMetaData) -> Iterator[_Chunk]:
    widths = {column.path: column.length for column in (facts.schema.column(i) for i in range(facts.num_columns))}
    groups = (group for group in range(facts.num_row_groups) if facts.row_group(group).num_rows > 0)
    for group in groups:
        for place in range(facts.num_columns):
            yield _chunk(group, facts.row_group(group).column(place), widths)


def _chunk(group: int, facts: pq.ColumnChunkMetaData, widths: dict[str, int]) -> _Chunk:
    path, values, packed = facts.path_in_schema, max(facts.num_values, 0), max(facts.total_uncompressed_size, 0)
    if facts.physical_type != "BYTE_ARRAY":
        width = max(WIDTH.get(facts.physical_type, widths.get(path, 0)), 1)
        return _Chunk(group, path, packed, values, width, max(values * width, packed))
    if set(facts.encodings) <= WRITTEN_OUT:
        return _Chunk(group, path, packed, values, packed, packed + 4 * values)
    by_dictionary = set(facts.encodings) <= BY_DICTIONARY
    return _Chunk(group, path, packed, values, packed, packed + values * (packed + 4), True, by_dictionary)


class _Look:
    """Measures the chunks of a file whose texts repeat."""

    def __init__(self, source: BinaryIO, facts: pq.FileMetaData, most: int) -> None:
        self._source, self._facts, self._most = source, facts, most

    def longest(self, chunk: _Chunk) -> _Chunk:
        """The chunk with the length of its longest text, where texts repeat and the chunk can be large unpacked."""
        if not chunk.repeats or chunk.size <= SMALL:
            return chunk
        if not chunk.by_dictionary:
            return self._unpacked(chunk)
        first = next(self._batches(chunk, 1), None)
        longest = max((_longest(column) for column in first.columns), default=0) if first else 0
        return replace(chunk, longest=longest, size=chunk.packed + chunk.values * (longest + 4))

    def counted(self, chunks: list[_Chunk]) -> list[_Chunk]:
        """The chunks with their exact sizes, as far as their sum is within the limit."""
        exact_chunks, bytes_left = [], self._most - sum(chunk.size for chunk in chunks if not chunk.by_dictionary)
        for chunk in chunks:
            exact = chunk
            if chunk.by_dictionary and bytes_left >= 0:
                exact = replace(chunk, size=self._count(chunk, bytes_left))
                bytes_left -= exact.size
            exact_chunks.append(exact)
        return exact_chunks

    def _count(self, chunk: _Chunk, most: int) -> int:
        size = 0
        for batch in self._batches(chunk, AT_ONCE):
            size += sum(_text_bytes(column) for column in batch.columns)
            if size > most:
                break
        return size

    def _unpacked(self, chunk: _Chunk) -> _Chunk:
        """The exact size of a chunk whose texts are written as changes of each other: they are unpacked in parts."""
        size, longest = 0, 0
        for batch in self._batches(chunk, min(AT_ONCE, max(1, MOST_AT_ONCE // max(chunk.packed, 1)))):
            size += batch.nbytes
            longest = max(longest, *(_longest(column) for column in batch.columns))
            if size > self._most:
                break
        return replace(chunk, longest=longest, size=size)

    def _batches(self, chunk: _Chunk, rows: int) -> Iterator[pa.RecordBatch]:
        """One column of one row group, its texts left in their dictionary where they have one."""
        texts = [chunk.path] if chunk.by_dictionary else None
        file = pq.ParquetFile(self._source, metadata=self._facts, read_dictionary=texts, buffer_size=SMALL)
        yield from file.iter_batches(rows, row_groups=[chunk.group], columns=[chunk.path], use_threads=False)


def _at_once(facts: pq.FileMetaData, chunks: list[_Chunk]) -> int:
    """How many rows can be unpacked together. Values without a dictionary are assumed to be four times the average."""
    widest: dict[int, float] = {}
    for chunk in chunks:
        rows = max(facts.row_group(chunk.group).num_rows, 1)
        most = chunk.longest * chunk.values if chunk.repeats else 4 * chunk.size
        widest[chunk.group] = widest.get(chunk.group, 0.0) + most / rows
    return int(min(AT_ONCE, max(1, MOST_AT_ONCE // max(1.0, max(widest.values(), default=1.0)))))


def _longest(column: pa.Array) -> int:
    return max((int(lengths.max()) for lengths, _ in _texts(column) if len(lengths)), default=0)


def _text_bytes(column: pa.Array) -> int:
    """The bytes of a column's texts if each were written out."""
    return sum(int(lengths[places].sum()) if len(lengths) else 0 for lengths, places in _texts(column))


def _texts(column: pa.Array) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """The lengths of the texts in a column, and which of them its values are."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        lengths = _lengths(column.dictionary)
        yield lengths, column.indices.drop_null().to_numpy(zero_copy_only=False)
    elif pa.types.is_map(kind):
        yield from (*_texts(column.keys), *_texts(column.items))
    elif pa.types.is_nested(kind):
        inside = column.flatten()
        for part in inside if isinstance(inside, list) else [inside]:
            yield from _texts(part)
    elif not pa.types.is_null(kind) and not pa.types.is_primitive(kind):
        lengths = _lengths(column)
        yield lengths, np.arange(len(lengths))


def _lengths(texts: pa.Array) -> NDArray[np.int64]:
    if pa.types.is_string(texts.type) or pa.types.is_large_string(texts.type):
        texts = texts.cast(pa.large_binary())  # its bytes count, whether they are UTF-8 or not
    lengths = pc.fill_null(pc.binary_length(texts), 0).to_numpy(zero_copy_only=False)
    return np.asarray(lengths, dtype=np.int64)
