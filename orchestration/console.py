"""What the command line prints on."""

import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table as Grid

out = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 120)


def grid(title: str, head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Print a table."""
    made = Grid(title=title, title_justify="left", header_style="bold")
    for name in head:
        made.add_column(name, overflow="fold")
    for row in rows:
        made.add_row(*(str(cell) for cell in row))
    out.print(made)
