"""What ingestion prints about a batch: why it was refused, which rules its rows break, and the next command."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
import pyarrow.dataset as ds

from infra.lake import Lake
from validation.batches import REFUSED, Ledger, quarantine_folder, read_quarantine

MOST_REASONS, MOST_SHOWN = 3, 300


@dataclass(frozen=True, slots=True)
class Reason:
    """A rule, how many rows of a batch break it, and one of them."""

    rule: str
    rows: int
    row: int
    example: str


def about(lake: Lake, line: Ledger, file: str = "") -> list[str]:
    """The lines to print about a batch, and the file it came from; none where every row was taken without a warning."""
    if line.kind != "ingest":
        return _left(line)
    warnings = [f"  warning, {c.rule}: {c.measured} (asked: {c.asked})" for c in line.warnings]
    if not (line.refused or line.quarantined):
        return [_head(line, file), *warnings] if warnings else []
    day, reasons = _waiting(lake, line)
    what = "REFUSED, none of it is taken" if line.refused else f"{line.quarantined:,} rows are in quarantine"
    limits = [f"  limit {c.rule}: {c.measured} (asked: {c.asked})" for c in line.checks
              if c.level == "batch" and not c.passed]  # fmt: skip
    all_rows = max(line.received, 1)
    broken = [f"  {r.rows:,} rows ({r.rows / all_rows:.1%}) break {r.rule}, such as row {r.row}: {r.example}"
              for r in reasons]  # fmt: skip
    return [f"{_head(line, file)}: {what}", *limits, *broken, *warnings, *_next(line.table, day, bool(reasons))]


def _left(line: Ledger) -> list[str]:
    """The lines about rows that were taken up again from quarantine and still break a rule."""
    broken = [check for check in line.checks if check.level == "row" and not check.passed]
    most = sorted(broken, key=lambda check: -check.broken)[:MOST_REASONS]
    lines = [f"  {check.broken:,} rows break {check.rule}: {check.asked}; seen: {check.measured}" for check in most]
    return [f"{line.table}: {line.quarantined:,} of {line.received:,} rows stay in quarantine", *lines] if lines else []


def _head(line: Ledger, file: str) -> str:
    return f"{file + ', ' if file else ''}{line.table}, batch {line.batch}, {line.received:,} rows"


def _next(table: str, day: date | None, broken: bool) -> Iterator[str]:
    if day is None:
        yield "  Next, mend the file and deliver it again."
    elif not broken:
        yield "  Its rows break no rule; to take them all the same, as received now:"
        yield f"    flywheel ingest --replay {day} --table {table}"
    else:
        yield "  Next, write the rows to a file, write there what each should be under `mended`, and take it in:"
        yield from (f"    {command}" for command in mending(table, day))


def mending(table: str, day: date) -> tuple[str, str]:
    """The commands that write a day's rows in quarantine to a file, and take them in once they are mended there."""
    sheet = f"{table}-{day}.jsonl"
    first = f"flywheel ingest --replay {day} --table {table} --export {sheet}"
    return first, f"flywheel ingest {sheet} --replay {day} --table {table}"


def _waiting(lake: Lake, line: Ledger) -> tuple[date | None, list[Reason]]:
    """The day under which rows of a batch wait in quarantine, and the rules that most of them break."""
    for day in reversed(lake.days(quarantine_folder(line.table))):
        rows_by_rules = _alike(lake, line, day)
        if rows_by_rules:
            break
    else:
        return None, []
    first, counts = dict[str, tuple[bool, int]](), Counter[str]()
    for rules, (row, rows) in sorted(rows_by_rules.items(), key=lambda some: some[1]):
        broken = [rule for rule in rules.split(", ") if rule != REFUSED]
        counts.update(dict.fromkeys(broken, rows))
        for rule in broken:
            here = (len(broken) > 1, row)  # a row that breaks this rule alone is the better example
            first[rule] = min(first.get(rule, here), here)
    most = counts.most_common(MOST_REASONS)
    return day, [Reason(rule, n, first[rule][1], _reason(lake, line, day, first[rule][1])) for rule, n in most]


def _alike(lake: Lake, line: Ledger, day: date) -> dict[str, tuple[int, int]]:
    """Rules that rows of a batch break together → the first such row, and how many there are."""
    rows_by_rules: dict[str, tuple[int, int]] = {}
    for some in read_quarantine(lake, line.table, day, ["row", "rule"], ds.field("batch") == line.batch):
        alike = pa.table(some).group_by("rule").aggregate([("row", "min"), ("row", "count")])
        for rules, row, rows in zip(
            *(alike[name].to_pylist() for name in ("rule", "row_min", "row_count")), strict=True
        ):
            first, before = rows_by_rules.get(rules, (row, 0))
            rows_by_rules[rules] = (min(first, row), before + rows)
    return rows_by_rules


def _reason(lake: Lake, line: Ledger, day: date, row: int) -> str:
    """The reason for which one row is in quarantine, without the one of its batch, and the row itself."""
    this_row = (ds.field("batch") == line.batch) & (ds.field("row") == row)
    parts = read_quarantine(lake, line.table, day, ["reason", "raw"], this_row)
    quarantined = next(row for some in parts for row in some.to_pylist())
    reason = quarantined["reason"].partition("; batch refused:")[0]
    return f"{reason}\n    {_shown(quarantined['raw'])}"


def _shown(raw: bytes) -> str:
    text = raw[:MOST_SHOWN].decode(errors="backslashreplace")
    return "".join(sign if sign.isprintable() else "�" for sign in text) + ("…" if len(raw) > MOST_SHOWN else "")
