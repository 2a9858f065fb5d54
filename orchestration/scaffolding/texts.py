"""Columns of texts, as files of any format give them: what is null, what lies inside of nested objects."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from orchestration.sources.mapping import MappedSource, Mapping, Time, header, kind_of, parts

if TYPE_CHECKING:
    import pandas as pd

NOTHING = {
    "text": ("", "nan", "NaN", "null", "NULL", "None", "NA", "N/A", "\\N"),
    "jsonl": ("",),  # these have a null of their own: "NA" is Namibia
    "parquet": ("", "nan"),
}
"""Texts that say that nothing is known, by the kind of a file."""
DEEPEST = 3  # objects inside of objects


def text_parts(paths: Sequence[Path], source: MappedSource, columns: Sequence[str]) -> Iterator["pd.DataFrame"]:
    """The rows of files, a part at a time: a column of texts for each name, null where nothing is said.

    `a.b` is field `b` of the objects in column `a`, where no column bears the whole name.
    """
    for path in paths:
        named = MappedSource([path.name], source.format, source.delimiter, source.columns, source.encoding)
        present = header(path, named, path.name)
        roots = list(dict.fromkeys(name if name in present else name.split(".")[0] for name in columns))
        for part in parts(Mapping(path.absolute(), {"files": named}, Time(), {}), "files", roots):
            yield _without(NOTHING[kind_of(path, named)], _unnested(part, columns))


def nested_columns(frame: "pd.DataFrame") -> list[str]:
    """The names of all columns, with those of nested objects in their place."""
    names = list(frame.columns)
    for _ in range(DEEPEST):
        names = [inner for name in names for inner in _fields(name, _column(frame, name))]
    return names


def _without(words: Sequence[str], frame: "pd.DataFrame") -> "pd.DataFrame":
    return frame.mask(frame.isin(words), other=None)


def _unnested(frame: "pd.DataFrame", columns: Iterable[str]) -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame({name: _column(frame, name) for name in columns}, dtype=object)


def _column(frame: "pd.DataFrame", name: str) -> "pd.Series[Any]":
    import pandas as pd

    if name in frame:
        return frame[name]
    root, *path = name.split(".")
    return pd.Series([_inside(text, path) for text in frame[root]], index=frame.index, dtype=object)


def _inside(text: object, path: Sequence[str]) -> str | None:
    value: object = _decoded(text)
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, str | None) else msgspec.json.encode(value).decode()


def _fields(name: str, texts: "pd.Series[Any]") -> list[str]:
    """The columns that stand for one: those of the objects that it holds, or itself."""
    said = [text for text in texts.head(1000) if isinstance(text, str)]
    if not said or not all(text.startswith("{") for text in said):
        return [name]
    objects = [_decoded(text) for text in said]
    if not all(isinstance(each, dict) for each in objects):
        return [name]
    return list(dict.fromkeys(f"{name}.{key}" for each in objects for key in each))


def _decoded(text: object) -> Any:
    try:
        return msgspec.json.decode(text) if isinstance(text, str) else None
    except msgspec.DecodeError:
        return None
