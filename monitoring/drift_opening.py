"""The opening of the drift page, before Evidently's drawings: the columns that moved, by how much, what follows."""

from collections.abc import Sequence
from html import escape

from monitoring.drift import ColumnDrift, DriftReport

BODY = "<body>"
STYLE = """<style>
.opening {font: 16px/1.5 system-ui, sans-serif; max-width: 1000px; margin: 24px auto; padding: 0 24px; color: #222}
.opening h1 {font-size: 24px; margin: 0 0 8px} .opening table {border-collapse: collapse; width: 100%}
.opening th, .opening td {text-align: left; padding: 4px 12px 4px 0; border-bottom: 1px solid #ddd}
.opening .bar {background: #c0392b; height: 10px; display: inline-block; margin-right: 8px}
.opening .shown {background: #bbb}
</style>"""
WIDEST = 240  # pixels of the longest bar


def with_opening(page: str, report: DriftReport, decision: str, left_out: Sequence[str]) -> str:
    """Evidently's HTML page with the opening before everything else."""
    return page.replace(BODY, BODY + opening(report, decision, left_out), 1)


def opening(report: DriftReport, decision: str, left_out: Sequence[str]) -> str:
    """The opening as HTML: the finding, the columns that moved with their PSI, and what was decided.

    left_out  columns that are not drawn below, because a window or its sample holds too few known values of them
    """
    moved = [m for m in report.worst_first() if m.flagged]
    largest = max((m.psi for m in moved), default=1.0)
    rows = "".join(_row(m, largest) for m in moved)
    head = "<tr><th>column</th><th>PSI</th><th>null before</th><th>null now</th><th></th></tr>"
    table = f"<table>{head}{rows}</table>" if moved else "<p>No column is above the limit.</p>"
    parts = [
        f"<h1>{escape(report.finding.capitalize())}</h1>",
        f"<p>{escape(report.reason())}</p>",
        f"<p>{report.rows:,} rows of {report.users:,} users now, {report.rows_before:,} before. A column counts above "
        f"PSI {report.limit}, and only where so few users do not explain it.</p>",
        table,
        f"<p><b>Decided:</b> {escape(decision)}</p>" if decision else "",
        f"<p>Not drawn, too few known values: {escape(', '.join(left_out))}</p>" if left_out else "",
        f"<p>All {len(report.columns)} columns, as Evidently draws them, the largest PSI first. "
        "Its own figures differ a little: it bins both windows together and drops nulls.</p>",
    ]
    return f'{STYLE}<section class="opening">{"".join(parts)}</section>'


def _row(column: ColumnDrift, largest: float) -> str:
    width, kind = max(2, round(WIDEST * column.psi / largest)), "" if column.critical else " shown"
    bar = f'<span class="bar{kind}" style="width:{width}px"></span>{column.psi:.3f}'
    counts = "counts" if column.critical else "shown only"
    nulls = f"<td>{column.null_before:.1%}</td><td>{column.null_now:.1%}</td>"
    return f"<tr><td>{escape(column.name)}</td><td>{bar}</td>{nulls}<td>{counts}</td></tr>"
