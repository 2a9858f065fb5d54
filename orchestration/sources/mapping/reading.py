"""A source's files, a part at a time, as frames of texts; the mapping says what a text means."""

import bz2
import csv
import gzip
import json
import lzma
import re
import zipfile
from collections.abc import Iterator, Sequence
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import msgspec

from infra.errors import DefinitionError
from orchestration.sources.mapping.definition import MappedSource, Mapping
from validation.contract import unknown

if TYPE_CHECKING:
    import pandas as pd

PART = 200_000  # rows read at a time
OF_SEVERAL = 20_000  # of rows that each become several
NAMED_WITHIN = 200  # lines of a file of objects: a field that only later ones have is not seen
PLACE = "place"
QUOTED = ",;"  # delimiters of files whose cells may stand in quotes
ENDINGS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl", ".parquet": "parquet"}
PACKED = (".gz", ".bz2", ".xz", ".zip")


def parts(mapping: Mapping, name: str, columns: Sequence[str]) -> Iterator["pd.DataFrame"]:
    """The rows of a source with these columns, null where nothing stands; raises DefinitionError if unreadable."""
    source = mapping.sources[name]
    for path in source_files(mapping, name):
        location = f"{mapping.path}: [sources.{name}] {path.name}"
        needed = [c for c in columns if not source.explode or c not in (*_groups(location, source), PLACE)]
        if source.explode and source.explode.column not in needed:
            needed.append(source.explode.column)
        present = header(path, source, location)
        for column in needed:
            if column not in present:
                raise DefinitionError(f"{location}: column {unknown(column, present)}")
        for part in _read(path, source, needed, location):
            yield _exploded(part, source, location) if source.explode else part


def source_files(mapping: Mapping, name: str) -> list[Path]:
    """The files of a source, in the order of their names; raises DefinitionError when there is none."""
    files = mapping.sources[name].files
    names = [files] if isinstance(files, str) else files
    folder = mapping.path.parent
    paths = [path for each in names for path in _matching(folder, each)]
    if not paths:
        raise DefinitionError(
            f"{mapping.path}: [sources.{name}] files = {files!r}: no such file below {folder.absolute()}. "
            "Write the path from the mapping file's folder, or the whole path."
        )
    return list(dict.fromkeys(paths))


def columns_of(mapping: Mapping, name: str) -> list[str]:
    """The columns a mapping may name of a source: those of its first file, and those that `explode` adds."""
    source, path = mapping.sources[name], source_files(mapping, name)[0]
    location = f"{mapping.path}: [sources.{name}] {path.name}"
    return header(path, source, location) + ([*_groups(location, source), PLACE] if source.explode else [])


def header(path: Path, source: MappedSource, location: str) -> list[str]:
    """The columns of a file."""
    kind = kind_of(path, source)
    if kind == "parquet":
        import pyarrow.parquet as pq

        return [str(name) for name in _guarded(location, lambda: pq.read_schema(path).names)]
    if kind == "jsonl":
        first = islice(_lines(path, source, location), NAMED_WITHIN)
        return list(dict.fromkeys(name for line in first for name in line))
    row = next(_guarded(location, lambda: _csv(path, source, None, nrows=1, header=None)))
    if source.columns is None:
        import pandas as pd

        return (
            [str(c) for c in next(_csv(path, source, None, nrows=0)).columns] if isinstance(row, pd.DataFrame) else []
        )
    if len(source.columns) != row.shape[1]:
        raise DefinitionError(
            f"{location}: a line has {row.shape[1]} fields when cut at {source.delimiter!r}, `columns` names "
            f"{len(source.columns)}. Its first line: {', '.join(map(str, row.iloc[0].tolist()))[:200]}."
        )
    return list(source.columns)


def kind_of(path: Path, source: MappedSource) -> str:
    """The format of a file: the one that the source says, or else by the end of the file's name."""
    name = path.name.lower()
    for packed in PACKED:
        name = name.removesuffix(packed)
    return source.format or ENDINGS.get(Path(name).suffix, "text")


def first_rows(path: Path, source: MappedSource, columns: Sequence[str], rows: int) -> "pd.DataFrame":
    """The first rows of a file."""
    return next(_read(path, source, columns, path.name)).head(rows)


def opened(path: Path, encoding: str) -> IO[str]:
    """The text of a file, packed or not."""
    with_mark = "utf-8-sig" if encoding == "utf-8" else encoding  # a byte order mark is no part of the first name
    if path.suffix.lower() == ".zip":
        with zipfile.ZipFile(path) as packed:  # pandas, too, requires exactly one file in it
            return TextIOWrapper(packed.open(packed.namelist()[0]), encoding=with_mark)
    unpack: Any = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}.get(path.suffix.lower(), open)
    text: IO[str] = unpack(path, "rt", encoding=with_mark)
    return text


def _matching(folder: Path, name: str) -> list[Path]:
    path = Path(name)
    if path.is_absolute():
        return [path] if path.is_file() else []
    return sorted(file for file in folder.glob(name) if file.is_file())


def _read(path: Path, source: MappedSource, columns: Sequence[str], location: str) -> Iterator["pd.DataFrame"]:
    import pandas as pd

    rows = OF_SEVERAL if source.explode else PART
    match kind_of(path, source):
        case "parquet":
            yield from _parquet(path, columns, rows)
        case "jsonl":
            batch: list[dict[str, Any]] = []
            for line in _lines(path, source, location):
                batch.append({name: line.get(name) for name in columns})
                if len(batch) == rows:
                    yield pd.DataFrame(batch, dtype=object)
                    batch = []
            if batch:
                yield pd.DataFrame(batch, dtype=object)
        case _:
            try:
                yield from _csv(path, source, columns, chunksize=rows)
            except UnicodeDecodeError as wrong:
                raise DefinitionError(
                    f'{location}: byte {wrong.start} is no {source.encoding}. Say `encoding = "latin-1"` or what it is.'
                ) from wrong
            except ValueError as wrong:  # pandas' parser errors are value errors too
                raise DefinitionError(
                    f"{location} cannot be read: {wrong}. Look at `delimiter` and `quote`."
                ) from wrong


def _csv(path: Path, source: MappedSource, columns: Sequence[str] | None, **more: Any) -> Iterator["pd.DataFrame"]:
    import pandas as pd

    quote = source.quote if source.quote is not None else ('"' if source.delimiter in QUOTED else "")
    options: dict[str, Any] = {"sep": source.delimiter, "dtype": str, "keep_default_na": False, "na_values": [""],
             "encoding": source.encoding, "index_col": False, "usecols": list(columns) if columns else None,
             "quoting": csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE}  # fmt: skip
    if quote:
        options["quotechar"] = quote
    if len(source.delimiter) > 1:
        options |= {"engine": "python", "sep": re.escape(source.delimiter)}
    if source.columns is not None and "header" not in more:
        options |= {"names": list(source.columns), "header": None}
    frames = pd.read_csv(path, **options, **more)
    return iter([frames] if isinstance(frames, pd.DataFrame) else frames)


def _parquet(path: Path, columns: Sequence[str], rows: int) -> Iterator["pd.DataFrame"]:
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    for batch in pq.ParquetFile(path).iter_batches(rows, columns=list(columns)):
        series = {}
        for name in columns:
            column = batch.column(name)
            nested = pa.types.is_nested(column.type)
            texts = [_text(v) for v in column.to_pylist()] if nested else column.cast(pa.string()).to_pylist()
            series[name] = pd.Series(texts, dtype=object)
        yield pd.DataFrame(series)


def _lines(path: Path, source: MappedSource, location: str) -> Iterator[dict[str, str | None]]:
    with opened(path, source.encoding) as handle:
        for number, line in enumerate(handle, 1):
            if not line.strip():
                continue
            try:
                row = msgspec.json.decode(line)
            except msgspec.DecodeError as wrong:
                raise DefinitionError(
                    f"{location}: line {number} is no JSON: {wrong}. Mend it or take it out."
                ) from wrong
            if not isinstance(row, dict):
                raise DefinitionError(f"{location}: line {number} is JSON but no object. Mend it or take it out.")
            yield {str(name): _text(value) for name, value in row.items()}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str | None) else json.dumps(value)


def _guarded(location: str, act: Any) -> Any:
    try:
        return act()
    except (OSError, ValueError, LookupError, StopIteration) as wrong:
        raise DefinitionError(
            f"{location} cannot be read: {wrong}. Look at `format`, `delimiter` and `encoding`."
        ) from wrong


def _groups(location: str, source: MappedSource) -> list[str]:
    assert source.explode is not None
    try:
        groups = list(re.compile(source.explode.pattern).groupindex)
    except re.error as wrong:
        raise DefinitionError(
            f"{location}: explode.pattern {source.explode.pattern!r} is no pattern: {wrong}."
        ) from wrong
    if not groups:
        raise DefinitionError(
            f"{location}: explode.pattern {source.explode.pattern!r} names no group. Write one such as (?P<item>.+)."
        )
    return groups


def _exploded(part: "pd.DataFrame", source: MappedSource, location: str) -> "pd.DataFrame":
    import pandas as pd

    explode = source.explode
    assert explode is not None
    many = part.assign(**{explode.column: part[explode.column].str.split(explode.by)}).explode(explode.column)
    many = many[many[explode.column].fillna("") != ""]
    place = many.groupby(level=0).cumcount() + 1
    groups = many[explode.column].str.extract(explode.pattern)
    strange = groups.isna().all(axis=1)
    if strange.any():
        value = many.loc[strange, explode.column].iloc[0]
        raise DefinitionError(f"{location}: {explode.column}: `{value[:80]}` does not fit pattern {explode.pattern!r}.")
    exploded = pd.concat([many.drop(columns=[explode.column]), groups, place.rename(PLACE).astype(str)], axis=1)
    return exploded.reset_index(drop=True)
