"""The console, the installation and the settings that all commands share."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table as Grid

if TYPE_CHECKING:
    from infra.settings import Settings
    from orchestration.system import Installation
    from training.registry import Registry

out = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 120)


def say(text: str) -> None:
    """Print a text as it stands: brackets in it, as file names may have, are no markup."""
    out.print(text, markup=False)


def open_installation(*, to_look: bool = False) -> "Installation":
    """The home feed on the settings of the environment; raises Unavailable where its home cannot be written.

    to_look  for a command that only reads: any home is accepted
    """
    from infra.errors import Unavailable
    from infra.pseudonyms import choose_mode
    from orchestration.system import Installation, unusable
    from orchestration.systems.home_feed import HOME_FEED

    installation = Installation(HOME_FEED, settings())
    wrong = None if to_look else unusable(installation.settings.home)
    if wrong:
        raise Unavailable(wrong)
    if not to_look:
        choose_mode(installation.settings)
    return installation


def registry() -> "Registry":
    """The home feed's registry, without the other parts of an installation: this starts faster."""
    from training.registry import Registry
    from validation.systems.home_feed import NAME

    return Registry(settings(), NAME)


def settings() -> "Settings":
    """The settings of the environment. Reading them takes half of a small command's time."""
    from infra.settings import Settings

    return Settings()


def grid(title: str, head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Print a table."""
    table = Grid(title=title, title_justify="left", header_style="bold")
    for name in head:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    out.print(table)
