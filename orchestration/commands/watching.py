"""The commands that ask what is wrong: why the live release does worse."""

from datetime import datetime
from typing import Annotated

import typer

from orchestration.commands.console import open_installation, say

app = typer.Typer()


@app.command()
def diagnose(
    day: Annotated[str | None, typer.Option("--day", help="YYYY-MM-DD; the last day with data when absent")] = None,
    release: Annotated[str | None, typer.Option(help="another release than the live one")] = None,
) -> None:
    """Say where a day's serving log differs from training: features by slice, then scores, then data or model.

    Exit status 1 where something is found.

    Example: flywheel diagnose --day 2026-05-03
    """
    from orchestration.diagnosing import diagnose as diagnosed
    from orchestration.runs import last_day

    installation = open_installation(to_look=True)
    try:
        looked_at = datetime.strptime(day, "%Y-%m-%d").date() if day else last_day(installation)
    except ValueError as wrong:
        raise typer.BadParameter(f"`{day}` is not a day such as 2026-05-03") from wrong
    answer = diagnosed(installation, looked_at, release)
    for line in answer.lines():
        say(line)
    if answer.found:
        raise typer.Exit(1)
