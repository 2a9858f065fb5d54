"""Searches everything that an installation stores for words that mean a person, byte by byte and inside of formats.

python -m tests.person_search HOME WORD …      where each word is; exit status 1 when one is anywhere

Looked into besides the bytes of every file: Parquet (values, of files that no reader opens any more, too), gzip, bz2,
zstd, zip and npz, SQLite (values; its bytes show free pages), and Redis (keys, and values as DUMP's text).
"""

import bz2
import contextlib
import gzip
import io
import re
import sqlite3
import sys
import zipfile
from collections.abc import Collection, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import redis as redis_py


def places_with(home: Path, words: Collection[str], redis_url: str | None = None) -> list[str]:
    """Where these words are: paths below the home and keys of Redis, with what holds them."""
    places = [f"{path} ({how})" for path, how in _in_files(home, words)]
    return places + (_in_redis(redis_url, [word.encode() for word in words]) if redis_url else [])


def files_with(folder: Path, *words: str) -> list[str]:
    """The files below a folder that hold one of these words, or bear it in their name."""
    return list(dict.fromkeys(path for path, _ in _in_files(folder, words)))


def _in_files(folder: Path, words: Collection[str]) -> Iterator[tuple[str, str]]:
    sought = re.compile(b"|".join(re.escape(word.encode()) for word in words))
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if sought.search(path.name.encode()):
            yield name, "name"
        if path.is_file() and not path.is_symlink():
            yield from ((name, kind) for kind, content in _contents(path) if sought.search(content))


def _contents(path: Path) -> Iterator[tuple[str, bytes]]:
    """The bytes of a file, and what its format packs."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return
    yield "bytes", content
    yield from _unpacked(path.name, content)
    if content.startswith(b"SQLite format 3\0"):
        yield "sqlite", _sqlite(path)


def _unpacked(name: str, content: bytes) -> Iterator[tuple[str, bytes]]:
    with contextlib.suppress(OSError, EOFError, zipfile.BadZipFile, pa.ArrowException):
        if content.startswith(b"PAR1"):
            table = pq.read_table(io.BytesIO(content), partitioning=None)
            yield "parquet", repr([table.to_pylist(), table.schema.metadata]).encode()
            binary = [i for i, column in enumerate(table.schema) if pa.types.is_large_binary(column.type)]
            yield "parquet", b" ".join(value or b"" for i in binary for value in table.column(i).to_pylist())
        if content.startswith(b"\x1f\x8b"):
            yield from _both(f"gzip of {name}", gzip.decompress(content))
        elif content.startswith(b"BZh"):
            yield from _both(f"bz2 of {name}", bz2.decompress(content))
        elif content.startswith(b"\x28\xb5\x2f\xfd"):
            yield from _both(f"zstd of {name}", pa.CompressedInputStream(io.BytesIO(content), "zstd").read())
        elif content.startswith(b"PK\x03\x04"):
            with zipfile.ZipFile(io.BytesIO(content)) as packed:
                for each in packed.namelist():
                    yield from _both(f"{each} in zip", packed.read(each))


def _both(name: str, content: bytes) -> Iterator[tuple[str, bytes]]:
    yield name, content
    if content.startswith(b"\x93NUMPY"):
        array = np.load(io.BytesIO(content), allow_pickle=False)
        if array.dtype.kind in "US":  # texts of four bytes a letter
            yield name, "\n".join(map(str, array.ravel().tolist())).encode()
    yield from _unpacked(name, content)


def _sqlite(path: Path) -> bytes:
    """Every value of a database, what its write-ahead log holds among them."""
    values = []
    with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as sql:
        sql.text_factory = bytes
        for (name,) in sql.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            table = name.decode().replace('"', '""')
            values += [value for row in sql.execute(f'SELECT * FROM "{table}"') for value in row]
    return b"\n".join(value for value in values if isinstance(value, bytes))


def _in_redis(url: str, sought: Collection[bytes]) -> list[str]:
    places = []
    with redis_py.Redis.from_url(url) as client:
        for key in sorted(client.scan_iter(count=5000)):
            if any(word in content for word in sought for content in (key, _value(client, key))):
                places.append(f"redis {key!r}")
    return places


def _value(client: redis_py.Redis, key: bytes) -> bytes:
    """All that a key holds."""
    match client.type(key):
        case b"string":
            return bytes(client.get(key) or b"")
        case b"hash":
            return b"\n".join(part for pair in client.hgetall(key).items() for part in pair)
        case b"list":
            return b"\n".join(client.lrange(key, 0, -1))
        case b"stream":
            return repr(client.xrange(key)).encode()
        case b"set" | b"zset" as kind:
            return b"\n".join(client.smembers(key) if kind == b"set" else client.zrange(key, 0, -1))
        case kind:
            raise AssertionError(f"{key!r} is a {kind!r}, into which the search does not look")


if __name__ == "__main__":
    places = places_with(Path(sys.argv[1]), sys.argv[2:])
    sys.stdout.write("".join(f"{place}\n" for place in places))
    sys.exit(bool(places))
