"""`--system NAME`: an option of every command, before or after the command's name."""

import os
import re
import sys
from typing import Any

import click
from typer.core import TyperGroup, TyperOption

SYSTEM = "FLYWHEEL_SYSTEM"
COMMAND = re.compile(r"`flywheel [^`\n]+(?=`)|^ *flywheel [^`\n]+$", re.MULTILINE)
"""A command in a text: between backticks, or alone on a line."""
NOT_OF_ONE = re.compile(r"--system|flywheel (new|systems|migrate)\b")


def with_system(text: str) -> str:
    """The text with the system in each command, where the command line named one: without, another would be meant."""
    if not any(word.partition("=")[0] == "--system" for word in sys.argv):
        return text
    more = f" --system {os.environ.get(SYSTEM, '')}"
    return COMMAND.sub(lambda match: match[0] + ("" if NOT_OF_ONE.search(match[0]) else more), text)


def _choose(_: click.Context, __: click.Parameter, name: str | None) -> None:
    if name == "":  # as `--system "$UNSET"` says: another system than the one that is meant would be changed
        raise click.BadParameter("it names no system; `flywheel systems` lists them")
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
