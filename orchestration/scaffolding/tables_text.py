"""The text of `tables.py`: a contract for each table, with what was seen."""

from collections.abc import Iterator

from orchestration.scaffolding.beside import DTYPES, Described, Happened
from orchestration.scaffolding.code import Code, after, call, names, number, rendered, text, tuple_of
from orchestration.scaffolding.lengths import in_words
from orchestration.scaffolding.looking import ColumnSeen, rounded_up
from orchestration.scaffolding.serving_text import log_columns
from orchestration.scaffolding.sketch import Sketch, seen_words
from validation.definition import LONGEST_WORD, GateLimits

HEAD = '''"""What the tables of {name} look like. Ranges and shares of nulls are as seen in {rows:,} rows; correct them.

A row that breaks what is said here goes to quarantine with the reason. docs/tables.md of Flywheel explains each word.
"""

from datetime import timedelta

from validation.contract import Column, Table
from validation.definition import BatchLimits, Cap, GateLimits

HISTORY = BatchLimits(max_duplicate=0.5, fresh_within=timedelta(days=36_500))  # old files are no fault to begin with

'''
LIMITS = """\
LIMITS = GateLimits(
    baselines=("base_rate", "second_column"),  # what a model has to beat clearly, beside the best single column
    min_rows=500,
    min_units=100,
    max_share_of_perfect={honest},  # a model that comes nearer to a perfect one is taken to know the outcome
    caps=({cap},),  # {why}; say what you can bear
)
"""
SKEWED = """
    max_calibration_error={},  # a model says the median of a number, which lies so far from the mean
)
"""
USUAL = GateLimits(baselines=())
OWNER = "say who answers for it"


def tables_text(sketch: Sketch) -> str:
    """The whole file."""
    tables = [_described(each, sketch) for each in sketch.described]
    tables += [_happened(each, sketch) for each in sketch.happened]
    tables += [_decisions(sketch), _outcomes(sketch)]
    every = rendered(after("TABLES = ", tuple_of(name.upper() for name in sketch.table_names)))
    return HEAD.format(name=sketch.name, rows=len(sketch.choices.table.texts)) + "\n".join(
        [*(f"{rendered(table)}\n" for table in tables), _limits(sketch), every, ""]
    )


def _limits(sketch: Sketch) -> str:
    if sketch.classifies:
        cap, why = 'Cap("false_positive_rate", at_most=0.5)', "half of the cases that are none"
    else:
        cap, why = f'Cap("mae", at_most={number(sketch.spread)})', "what always saying the median is off by"
    limits = LIMITS.format(cap=cap, why=why, honest=0.5 if sketch.classifies else 0.8)
    skew = 0.0 if sketch.classifies else round(sketch.skew, 2)
    return limits.replace("\n)\n", SKEWED.format(skew)) if skew > USUAL.max_calibration_error else limits


def _decisions(sketch: Sketch) -> Code:
    choices, refers = sketch.choices, {each.entity: each.table.name for each in sketch.described}
    known = {c.name for c in (*sketch.numbers, *sketch.codes)}
    columns = [_key(sketch)]
    columns += [_column(c, refers.get(c.name), c.name in known) for c in sketch.given]
    columns += [_time(choices.event_time.name, "when it was decided"), _time(sketch.received, _receipt(sketch))]
    columns += log_columns(sketch)
    row = f"one row of {choices.table.paths[0].name}: what is decided, and what is known by then"
    return _table(sketch.decisions, row, sketch.key, choices.event_time.name, sketch.received, columns, _person(sketch))


def _outcomes(sketch: Sketch) -> Code:
    late = sketch.choices.label_time
    when = f"`{late.source}` says so" if late else f"{in_words(sketch.choices.label_delay)} after the decision"
    columns = [_key(sketch)]
    columns += [_column(c) for c in (*sketch.entities, sketch.target, *sketch.choices.later) if c.kind in DTYPES]
    at, received = sketch.outcome_times
    columns += [_time(at, f"when the outcome was known: {when}"), _time(received, "the same")]
    row = f"the outcome of one row of {sketch.decisions}, apart from it: nothing of it is known when it is decided"
    return _table(sketch.outcomes, row, sketch.key, at, received, columns, _person(sketch))


def _described(each: Described, sketch: Sketch) -> Code:
    columns = [_column(c) for c in (each.key, *each.attributes)]
    since, received = each.times
    columns += [_time(since, "since when it is so: the files do not say"), _time(received, "the same")]
    row = f"one {each.entity}, as {each.table.paths[0].name} describes it"
    more = ("versioned=True", _person(sketch, each.entity))
    return _table(each.table.name, row, each.key.name, since, received, columns, *more)


def _happened(each: Happened, sketch: Sketch) -> Code:
    key = each.row_id
    columns: list[Code] = [] if each.key else [call("Column", text(key), '"string"', '"made of all of the row"')]
    columns += [_column(c) for c in each.table.columns if c is not each.at and c.kind in DTYPES]
    columns += [_time(each.at.name, "when it happened"), _time(each.received, "the same: the files do not say")]
    row, person = f"one row of {each.table.paths[0].name}", _person(sketch, *each.entities)
    return _table(each.table.name, row, key, each.at.name, each.received, columns, person)


def _table(name: str, row: str, key: str, at: str, received: str, columns: list[Code], *more: str) -> Code:
    return call(
        f"{name.upper()} = Table",
        f"name={text(name)}",
        f"row={text(row)}",
        f"owner={text(OWNER)}",
        after("key=", names([key])),
        f"event_time={text(at)}",
        f"received_time={text(received)}",
        after("columns=", tuple_of(columns)),
        "limits=HISTORY",
        *more,
    )


def _key(sketch: Sketch) -> Code:
    if len(sketch.choices.key) == 1:
        return _column(sketch.choices.key[0])
    of = ", ".join(c.name for c in sketch.choices.key) or "all that is known when it is decided"
    return call("Column", text(sketch.key), '"string"', text(f"made of {of}"))


def _column(column: ColumnSeen, refers_to: str | None = None, logged: bool = False) -> Code:
    long = column.kind == "text" and column.longest > LONGEST_WORD // 2
    return call(
        "Column",
        text(column.name),
        text(DTYPES[column.kind]),
        text(seen_words(column) or f"`{column.source}`"),
        *_range(column),
        f"refers_to={text(refers_to)}" if refers_to else "",
        "nullable=True" if column.nulls else "",
        f"longest={4 * rounded_up(column.longest)}" if long else "",
        f"max_null={min(1.0, round(3 * column.nulls + 0.2, 2))}" if column.nulls else "",
        "logged=True" if logged else "",
    )


def _range(column: ColumnSeen) -> Iterator[str]:
    """Limits ten times as wide as what was seen: a value beyond them is more likely in another unit."""
    if not column.numeric or column.low is None or column.high is None or column.id_like:
        return
    wide = 10 ** len(str(int(max(abs(column.low), abs(column.high), 1.0))))
    yield f"low={0 if column.low >= 0 else -10 * wide:_}"
    yield f"high={1 if column.two_sided else 10 * wide:_}"


def _time(name: str, meaning: str) -> Code:
    return call("Column", text(name), '"timestamp"', text(meaning))


def _receipt(sketch: Sketch) -> str:
    if sketch.choices.received_time:
        return "when it was received"
    return f"when it was received: the files do not say, so `{sketch.choices.event_time.name}` is taken"


def _person(sketch: Sketch, *columns: str) -> str:
    """Who a row is about, where one of the columns says so; the decisions and their outcomes have them all."""
    person = sketch.choices.person
    return f"person={text(person.name)}" if person and (not columns or person.name in columns) else ""
