"""The tables page of the documentation, generated from the definitions.

python -m validation.tables_page > docs/tables.md
"""

from collections.abc import Iterator, Sequence

from validation.contract import EARLIEST, LATEST, Column, Table
from validation.definition import CLOCKS_DIFFER, LONGEST_WORD, RECEIPT_TOLERANCE
from validation.files import SHAPE
from validation.verdict import markdown

INTRODUCTION = """# Tables

Generated from the definitions by `python -m validation.tables_page > docs/tables.md`; a test compares the two.

[landing.md](landing.md) says how rows are delivered. A row that breaks a rule is quarantined with its bytes and the
reason. A batch that breaks a limit is refused: none of its rows is accepted, all of them go to quarantine, and no later
stage runs. For files that our own service hands over, limits only warn. Great Expectations checks both, with suites
made from the same definitions.
"""


def page(tables: Sequence[Table]) -> str:
    """The page as Markdown."""
    parts = [INTRODUCTION, _everywhere(), *(_table(table) for table in tables)]
    return "\n".join(parts)


def _everywhere() -> str:
    rules = [(f"`{rule}`", asked) for rule, asked in SHAPE.items()]
    rules.append(("`<column>.known`", "a column that may not be null has a value"))
    rules.append(("`<text>.length`", f"a text has 1 to {LONGEST_WORD} characters; an empty text counts as null where "
                  "the column may be null"))  # fmt: skip
    rules.append(("`<moment>.clock`", f"a moment is from {EARLIEST:%Y-%m-%d} to {LATEST:%Y-%m-%d}; a time of receipt "
                  f"at most {CLOCKS_DIFFER.seconds // 60} minutes after the file arrived"))  # fmt: skip
    rules.append(("a time of receipt", f"at most {RECEIPT_TOLERANCE.days} days before the file arrived: a row that "
                  "says earlier is accepted and counts as received then, unless it is history"))  # fmt: skip
    return f"## Rules of every table\n\n{markdown(('rule', 'what must hold'), rules)}\n"


def _table(table: Table) -> str:
    names = [f"`{name}`" for name in table.identity]
    times = f"`{table.event_time}` is when it happened, `{table.received_time}` when we received it."
    same = f"Rows with the same {' and '.join(names)} are the same row."
    facts = f"A row is {table.row}. Owner: {table.owner}. {same} {times}"
    columns = markdown(("column", "type", "meaning", "allowed"), [_column(table, column) for column in table.columns])
    rules = [(f"`{r.name}`", f"`{r.holds}`", r.why) for r in table.rules]
    parts = [f"## {table.name}", facts, columns]
    parts += [markdown(("rule", "what must hold", "why"), rules)] if rules else []
    return "\n\n".join([*parts, markdown(("limit of a batch", "value"), list(_limits(table)))]) + "\n"


def nulls(tables: Sequence[Table]) -> str:
    """The columns that may be null, and the largest share of nulls in a batch: a table for docs/landing.md."""
    shares = [
        (table, column, table.max_null(column)) for table in tables for column in table.columns if column.nullable
    ]
    lines = [
        (f"`{table.name}.{column.name}`", "never" if most >= 1 else f"above {most:.0%} null", _warning(column))
        for table, column, most in shares
    ]
    return markdown(("may be null", "the batch is refused", "a warning is printed"), lines)


def _warning(column: Column) -> str:
    return "never" if column.warn_null is None else f"above {column.warn_null:.0%} null"


def _column(table: Table, column: Column) -> tuple[str, str, str, str]:
    return (f"`{column.name}`", column.dtype, column.meaning, "; ".join(_allowed(table, column)))


def _allowed(table: Table, column: Column) -> Iterator[str]:
    if column.one_of:
        yield ", ".join(f"`{word}`" for word in column.one_of)
    if column.low is not None or column.high is not None:
        ends = ["any" if end is None else f"{end:,g}" for end in (column.low, column.high)]
        yield f"{ends[0]} to {ends[1]}{' ' + column.unit if column.unit else ''}"
    elif column.unit:
        yield f"in {column.unit}"
    if column.refers_to:
        yield f"found in `{column.refers_to}` (a warning where it is not)"
    if column.logged:
        yield "logged as the row was shown"
    if column.derived:
        yield f"made by `{column.derived}`"
    if column.changes:
        yield "changes"
    if column.nullable:
        most = table.max_null(column)
        yield "may be null" if most >= 1 else f"may be null, in at most {most:.0%} of a batch"
        if column.warn_null is not None:
            yield f"above {column.warn_null:.0%} null a warning is printed"


def _limits(table: Table) -> Iterator[tuple[str, str]]:
    limits = table.limits
    yield "rows", f"{limits.min_rows:,} to {limits.max_rows:,}"
    yield "rows quarantined", f"at most {limits.max_quarantined_of_batch:.0%}"
    yield "rows repeated inside the batch", f"at most {limits.max_duplicate:.0%}"
    yield "newest event before the newest receipt", f"at most {limits.fresh_within.total_seconds() / 3600:,g} hours"
    yield "median of a numeric column against earlier batches", f"a warning from {limits.unit_jump.times:g} times"


if __name__ == "__main__":
    from validation.systems.home_feed import TABLES

    print(page(TABLES), end="")
