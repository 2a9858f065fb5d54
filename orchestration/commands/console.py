"""The console, the installation and the settings that all commands share."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table as Grid

from orchestration.commands.of_system import with_system

if TYPE_CHECKING:
    from infra.settings import Settings
    from orchestration.system import Installation
    from training.registry import Registry

out = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 120)


def say(text: str) -> None:
    """Print a text as it stands: brackets in it, as file names may have, are no markup; commands name the system."""
    out.print(with_system(text), markup=False)


def open_installation(at: "Settings | None" = None, *, to_look: bool = False) -> "Installation":
    """The system that is meant, on the settings of the environment or others.

    Raises Unavailable where its home cannot be written, and DefinitionError where it cannot be loaded.

    to_look  for a command that only reads: any home is accepted
    """
    from infra.errors import Unavailable
    from infra.pseudonyms import choose_mode
    from orchestration.system import Installation, load_system, unusable

    at = at or settings()
    installation = Installation(load_system(at), at)
    wrong = None if to_look else unusable(installation.settings.home)
    if wrong:
        raise Unavailable(wrong)
    if not to_look:
        choose_mode(installation.settings)
    return installation


def registry() -> "Registry":
    """The registry of the system that is meant, without the other parts of an installation: this starts faster."""
    from infra.systems import named_system
    from training.registry import Registry

    return Registry(settings(), named_system(settings()).name)


def asked_by(at: "Settings") -> tuple[str, str]:
    """The fields by which a system names who asks for a page and what is on it; the home feed's load nothing else."""
    from infra.errors import DefinitionError
    from infra.systems import DEFAULT, named_system

    if named_system(at).name == DEFAULT:
        from validation.systems.home_feed import USER, VIDEO

        return USER, VIDEO
    from orchestration.system import load_system

    names = getattr(getattr(load_system(at).policy, "service", None), "names", None)
    if names is None or not hasattr(names, "item"):
        raise DefinitionError(f"system {at.system} makes no pages: `flywheel systems` says where it is asked.")
    return str(names.user), str(names.item)


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
        table.add_row(*(escape(str(cell)) for cell in row))  # brackets in a reason are no markup
    out.print(table)
