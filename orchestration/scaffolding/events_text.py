"""The text of `events.py`: which column of the files becomes which, and from when on an outcome was known."""

from collections.abc import Sequence
from pathlib import Path

from orchestration.scaffolding.beside import DTYPES, Described, Happened
from orchestration.scaffolding.code import Code, after, call, mapping, names, rendered, text, tuple_of
from orchestration.scaffolding.lengths import as_code
from orchestration.scaffolding.looking import ColumnSeen, TableSeen
from orchestration.scaffolding.sketch import Sketch

HEAD = '''"""How files become the tables of {name}. Look at every line: a wrong time is a leak from the future.

    python -m {name}.events FOLDER [INTO]

writes deliveries into INTO ({into} when absent), which `flywheel ingest` takes. A line says our column
first, then the column of the files.
"""

{imports}

'''
DELAY = '''LABEL_DELAY = {delay}
"""How long after its decision an outcome is known. {who}.

If it is longer in truth, counters say what nobody knew yet, and all figures are too good.
"""

'''
TAIL = """

if __name__ == "__main__":
    deliver_command(SOURCES, into={into})
"""


def events_text(sketch: Sketch) -> str:
    """The whole file."""
    sources = [_described(each, sketch) for each in sketch.described]
    sources += [_happened(each, sketch) for each in sketch.happened]
    sources += [_decisions(sketch), _outcomes(sketch)]
    body = rendered(after("SOURCES = ", tuple_of(sources)))
    if not sketch.choices.label_time:
        who = "GUESSED: nobody said it" if sketch.choices.delay_guessed else "As it was said"
        body = DELAY.format(delay=as_code(sketch.choices.label_delay), who=who) + body
    into = deliveries(sketch.name)
    head = HEAD.format(name=sketch.name, into=into, imports=_imports(sketch, body))
    return head + body + "\n" + TAIL.format(into=text(into)).removeprefix("\n")


def deliveries(name: str) -> str:
    """The folder that deliveries of a system are written into."""
    return f"{name}-deliveries"


def _imports(sketch: Sketch, body: str) -> str:
    words = [word for word in ("Constant", "Digest", "Moment", "Number", "PlainFiles") if f"{word}(" in body]
    tables = sorted(name.upper() for name in sketch.table_names)
    times = "" if sketch.choices.label_time else "from datetime import timedelta\n\n"
    line = f"from {sketch.name}.tables import {', '.join(tables)}"
    if len(line) > 120:
        line = rendered(call(f"from {sketch.name}.tables import ", *tables))
    return f"{times}from orchestration.scaffolding import {', '.join([*words, 'deliver_command'])}\n\n{line}"


def _decisions(sketch: Sketch) -> Code:
    at = sketch.choices.event_time
    pairs = [_key(sketch), *(_plain(c) for c in sketch.given)]
    pairs += [(at.name, _moment(at)), (sketch.received, _moment(sketch.choices.received_time or at))]
    return _files(sketch, sketch.choices.table, sketch.decisions, pairs)


def _outcomes(sketch: Sketch) -> Code:
    choices = sketch.choices
    known = _moment(choices.label_time) if choices.label_time else _moment(choices.event_time, "LABEL_DELAY")
    kept = (*sketch.entities, sketch.target, *choices.later)
    pairs = [_key(sketch), *(_plain(c) for c in kept if c.kind in DTYPES)]
    pairs += [(name, known) for name in sketch.outcome_times]
    return _files(sketch, choices.table, sketch.outcomes, pairs, (sketch.target.name, sketch.outcome_times[0]))


def _described(each: Described, sketch: Sketch) -> Code:
    first = call("Constant", text(f"{sketch.first_moment:%Y-%m-%dT00:00:00Z}"))
    pairs = [_plain(c) for c in (each.key, *each.attributes)]
    return _files(sketch, each.table, each.table.name, [*pairs, *((name, first) for name in each.times)])


def _happened(each: Happened, sketch: Sketch) -> Code:
    pairs = [] if each.key else [(each.row_id, _digest([c.source for c in each.table.columns]))]
    pairs += [_plain(c) for c in each.table.columns if c is not each.at and c.kind in DTYPES]
    pairs += [(each.at.name, _moment(each.at)), (each.received, _moment(each.at))]
    return _files(sketch, each.table, each.table.name, pairs)


def _digest(sources: Sequence[str]) -> Code:
    return call("Digest", names(sources))


def _key(sketch: Sketch) -> tuple[str, Code]:
    columns = sketch.choices.key
    if len(columns) == 1:
        return _plain(columns[0])
    return sketch.key, _digest([c.source for c in columns or (*sketch.given, sketch.choices.event_time)])


def _plain(column: ColumnSeen) -> tuple[str, Code]:
    if "decimal" in column.how:
        return column.name, call("Number", text(column.source), text(column.how["decimal"]))
    return column.name, _moment(column) if column.kind == "moment" else text(column.source)


def _moment(column: ColumnSeen, plus: str = "") -> Code:
    how = {"unit": "unit", "format": "form"}
    more = [f"{how[word]}={text(value)}" for word, value in column.how.items()]
    return call("Moment", text(column.source), f"plus={plus}" if plus else "", *more)


def _files(
    sketch: Sketch, table: TableSeen, name: str, pairs: Sequence[tuple[str, Code]], needs: Sequence[str] = ()
) -> Code:
    source = table.source
    return call(
        "PlainFiles",
        name.upper(),
        after("files=", names(patterns(table.paths, sketch.seen.path))),
        after("columns=", mapping(pairs)),
        after("needs=", names(needs)) if needs else "",
        f"delimiter={text(source.delimiter)}" if source.delimiter != "," else "",
        f"encoding={text(source.encoding)}" if source.encoding != "utf-8" else "",
        after("header=", names(source.columns)) if source.columns else "",
    )


def patterns(paths: Sequence[Path], folder: Path) -> tuple[str, ...]:
    """The files of a table, below the folder: its own name, or all that begin and end as these do."""
    root = folder.parent if folder.is_file() else folder
    below = [path.relative_to(root).as_posix() for path in paths]
    if len(below) == 1:
        return (below[0],)
    start = _common_start(below)
    deeper = "**/" if "/" in "".join(name.removeprefix(start) for name in below) else ""
    start = start[: start.rfind("/") + 1] if deeper else start
    return tuple(f"{start}{deeper}*{ending}" for ending in sorted({path.suffix for path in paths}))


def _common_start(texts: Sequence[str]) -> str:
    first = min(texts)
    return next((first[:n] for n in range(len(first), 0, -1) if all(each.startswith(first[:n]) for each in texts)), "")
