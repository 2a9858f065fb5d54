"""What the commands print on, and what they work on."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table as Grid

from validation.settings import Settings

if TYPE_CHECKING:
    from orchestration.system import Installation

out = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 120)


def say(text: str) -> None:
    """Print a text as it stands: brackets in it, as file names may have, are no markup."""
    out.print(text, markup=False)


def installation() -> "Installation":
    """The home feed on the settings of the environment."""
    from orchestration.home_feed import HOME_FEED
    from orchestration.system import Installation

    return Installation(HOME_FEED, Settings())


def grid(title: str, head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Print a table."""
    made = Grid(title=title, title_justify="left", header_style="bold")
    for name in head:
        made.add_column(name, overflow="fold")
    for row in rows:
        made.add_row(*(str(cell) for cell in row))
    out.print(made)
