"""The tables page of the documentation, made from the definitions: it cannot go stale.

python -m validation.tables_page > docs/tables.md
"""

from collections.abc import Iterator, Sequence

from validation.contract import EARLIEST, LATEST, Column, Table
from validation.definition import CLOCKS_DIFFER, LONGEST_WORD
from validation.files import SHAPE
from validation.verdict import markdown

INTRODUCTION = """# Tables

Generated from the definitions by `python -m validation.tables_page > docs/tables.md`; a test compares the two.

How rows are delivered is in [landing.md](landing.md). A row that breaks a row rule is quarantined with its raw bytes
and the reason. A batch that breaks a limit is refused as a whole: nothing of it is accepted, all of it is kept in
quarantine, and nothing downstream runs; for what our own service hands over, limits only warn. Great Expectations
decides both, by suites made from the same definitions.
"""


def page(tables: Sequence[Table]) -> str:
    """The whole page as Markdown."""
    parts = [INTRODUCTION, _everywhere(), *(_table(table) for table in tables)]
    return "\n".join(parts)


def _everywhere() -> str:
    rules = [(f"`{rule}`", asked) for rule, asked in SHAPE.items()]
    rules.append(("`<column>.known`", "a column that may not be null is there"))
    rules.append(("`<text>.length`", f"a text has 1 to {LONGEST_WORD} characters; an empty one in a column that may be "
                  "null is null"))  # fmt: skip
    rules.append(("`<moment>.clock`", f"a moment lies from {EARLIEST:%Y-%m-%d} to {LATEST:%Y-%m-%d}; a receipt at most "
                  f"{CLOCKS_DIFFER.seconds // 60} minutes after the file's own arrival"))  # fmt: skip
    return f"## Rules of every table\n\n{markdown(('rule', 'what must hold'), rules)}\n"


def _table(table: Table) -> str:
    names = [f"`{name}`" for name in table.identity]
    times = f"It happened at `{table.event_time}`; we knew it at `{table.received_time}`."
    facts = f"A row is {table.row}. Owner: {table.owner}. The same {', '.join(names)} is the same row. {times}"
    columns = markdown(("column", "type", "meaning", "allowed"), [_column(table, column) for column in table.columns])
    rules = [(f"`{r.name}`", f"`{r.holds}`", r.why) for r in table.rules]
    parts = [f"## {table.name}", facts, columns]
    parts += [markdown(("rule", "what must hold", "why"), rules)] if rules else []
    return "\n\n".join([*parts, markdown(("limit of a batch", "value"), list(_limits(table)))]) + "\n"


def nulls(tables: Sequence[Table]) -> str:
    """The columns that may be null, and how many nulls of a batch are borne: a table for docs/landing.md."""
    shares = [
        (table, column, table.max_null(column)) for table in tables for column in table.columns if column.nullable
    ]
    lines = [
        (f"`{table.name}.{column.name}`", "never" if most >= 1 else f"above {most:.0%} null", _told(column))
        for table, column, most in shares
    ]
    return markdown(("may be null", "the batch is refused", "a warning is printed"), lines)


def _told(column: Column) -> str:
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
        yield f"found in `{column.refers_to}` (told, not refused)"
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


if __name__ == "__main__":
    from validation.systems.home_feed import TABLES

    print(page(TABLES), end="")
