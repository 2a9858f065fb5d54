"""What the demo prints on: one line for each step, with its time."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.markup import escape
from rich.table import Table


@dataclass
class DemoStep:
    """One step while it runs; `says` is what stands behind its title once it is done."""

    says: str = ""


@dataclass
class DemoConsole:
    """A console, and how long each step took."""

    out: Console
    seconds: dict[str, float] = field(default_factory=dict)

    def chapter(self, title: str) -> None:
        """A heading."""
        self.out.print(f"\n[bold]{title}[/]")

    @contextmanager
    def step(self, title: str) -> Iterator[DemoStep]:
        """A step: a spinner while it lasts, then one line with its time."""
        line, start = DemoStep(), time.monotonic()
        with self.out.status(f"{title} …"):
            try:
                yield line
            except BaseException:
                self.out.print(f"  [red]✗[/] {title}")
                raise
        self.seconds[title] = round(time.monotonic() - start, 2)
        self.out.print(f"  [green]✓[/] {title:<58} {self.seconds[title]:>6.1f} s   [dim]{escape(line.says)}[/]")

    def say(self, text: str) -> None:
        """A plain line."""
        self.out.print(f"    {escape(text)}")

    def grid(self, title: str, head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
        """A table."""
        table = Table(title=title, title_justify="left", header_style="bold", box=None, padding=(0, 2, 0, 0))
        for name in head:
            table.add_column(name, overflow="fold")
        for row in rows:
            table.add_row(*(escape(cell) for cell in row))
        self.out.print()
        self.out.print(table)
