"""Two sets of figures compared: every difference in words, in the order of the chain: the first is the likely cause."""

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.same_feed.figures import flat

MADE_ON, PLACE, USUAL, LONGEST = "made on", "commit", "usual", 160
SECTIONS = (
    MADE_ON, "world", "tables", "release", "verdict", "served features", "pages", "feedback",
    "served features after the stream", "pages after the stream",
)  # fmt: skip


class UnreadableError(Exception):
    """A file holds no figures that could be compared."""


def read(path: Path) -> dict[str, Any]:
    """Figures from a file; raises UnreadableError for anything else."""
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError) as wrong:
        raise UnreadableError(f"{path}: no figures can be read: {wrong}") from wrong
    empty = [name for name in SECTIONS if not isinstance(found, dict) or not found.get(name)]
    if empty:
        raise UnreadableError(f"{path}: these parts are absent or empty: {', '.join(empty)}")
    return {name: _full(part) for name, part in found.items()}


def write(path: Path, figures: Mapping[str, Any]) -> None:
    """Write figures with a line for each entry of a part: a change is read in a diff, too."""
    parts = []
    for name, part in figures.items():
        short = _short_form(part)
        entries = short if _full(short) == part else part
        lines = ",\n".join(f"  {_json(key)}: {_json(value)}" for key, value in entries.items())
        parts.append(f" {_json(name)}: {{\n{lines}\n }}")
    path.write_text("{\n" + ",\n".join(parts) + "\n}\n")


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Every difference as a line. The first one names libraries and machine where these are others."""
    found = list(_elsewhere(before[MADE_ON], now[MADE_ON]))
    for name in dict.fromkeys((*SECTIONS, *before, *now)):
        if name == MADE_ON:
            continue
        one, other = flat(before.get(name, {})), flat(now.get(name, {}))
        found += [
            f"{name} · {key}: {_told(one, other, key)}"
            for key in dict.fromkeys((*one, *other))
            if key not in one or key not in other or not _same(one[key], other[key])
        ]
    return found


def _short_form(part: Mapping[str, Any]) -> dict[str, Any]:
    """A part whose first entry says what most others say, who leave it out; what an entry lacks is null in it."""
    entries = list(part.values())
    if not all(isinstance(entry, dict) for entry in entries):
        return dict(part)
    usual = {}
    for key in dict.fromkeys(key for entry in entries for key in entry):
        value, count = Counter(_json(entry[key]) for entry in entries if key in entry).most_common(1)[0]
        if 2 * count > len(entries):
            usual[key] = json.loads(value)
    short = {
        name: {key: value for key, value in entry.items() if key not in usual or value != usual[key]}
        | {key: None for key in usual if key not in entry}
        for name, entry in part.items()
    }
    return {USUAL: usual} | short if usual else short


def _full(part: Mapping[str, Any]) -> dict[str, Any]:
    usual = part.get(USUAL, {})
    return {
        name: {key: value for key, value in {**usual, **entry}.items() if key not in usual or value is not None}
        if usual
        else entry
        for name, entry in part.items()
        if name != USUAL
    }


def _elsewhere(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    others = [
        f"{key} {before.get(key, 'unknown')} → {now.get(key, 'unknown')}"
        for key in dict.fromkeys((*before, *now))
        if key != PLACE and before.get(key) != now.get(key)
    ]
    if others:
        yield (
            f"made with others: {', '.join(others)}. Model bytes and last digits depend on them: make the reference "
            f"anew with these on its own commit ({before.get(PLACE, 'unknown')}) before you look for another cause"
        )


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    return type(one) is type(other) and bool(one == other)


def _told(before: Mapping[str, Any], now: Mapping[str, Any], key: str) -> str:
    if key not in now:
        return f"is gone; it was {_short(before[key])}"
    if key not in before:
        return f"is new: {_short(now[key])}"
    one, other = before[key], now[key]
    if isinstance(one, str) and isinstance(other, str) and " " in one:
        return _words(one.split(" "), other.split(" ")) or f"{_short(one)} → {_short(other)}"
    numbers = isinstance(one, (int, float)) and isinstance(other, (int, float)) and one
    relative = f" ({(other - one) / abs(one):+.2g} of it)" if numbers else ""
    return f"{_short(one)} → {_short(other)}{relative}"


def _words(one: list[str], other: list[str]) -> str | None:
    """Lists of words by the places at which they differ."""
    if len(one) != len(other):
        return f"{len(one)} → {len(other)} words: {_short(' '.join(one))} → {_short(' '.join(other))}"
    places = [place for place, pair in enumerate(zip(one, other, strict=True)) if pair[0] != pair[1]]
    shown = ", ".join(f"{place + 1}: {one[place]} → {other[place]}" for place in places[:3])
    moved = "the same words in another order; " if sorted(one) == sorted(other) else ""
    return f"{moved}{len(places)} of {len(one)} differ, at {shown}" if places else None


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else _json(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text)} signs)"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
