"""`--system NAME`: an option of every command, before or after the command's name."""

import os
from typing import Any

import click
from typer.core import TyperGroup, TyperOption

SYSTEM = "FLYWHEEL_SYSTEM"


def _choose(_: click.Context, __: click.Parameter, name: str | None) -> None:
    if name:
        os.environ[SYSTEM] = name  # for this process and for those that it starts


def option() -> TyperOption:
    """The option: it sets what the environment variable sets, and no command sees it."""
    return TyperOption(
        param_decls=["--system"], metavar="NAME", expose_value=False, callback=_choose, is_eager=True,
        help="the system that is meant; else FLYWHEEL_SYSTEM, else home_feed (`flywheel systems` lists them)",
    )  # fmt: skip


class SystemCommands(TyperGroup):
    """Commands that all take `--system`."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        for command in (self, *self.commands.values()):
            command.params.append(option())
