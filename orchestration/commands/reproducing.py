"""The commands that make again what was logged or released, and compare."""

from datetime import datetime
from typing import Annotated

import typer

from orchestration.commands.console import grid, open_installation, say

app = typer.Typer()


@app.command()
def replay(
    request: Annotated[str, typer.Argument(help="`request_id` of an answer")],
    day: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="the day it was given; when absent, all days are looked through"),
    ] = None,
) -> None:
    """Rebuild an answer's scores from the decision log and the release that served it. Exit status 1 if they differ.

    Examples: flywheel replay 1f0c5a3e9d7b42c88e6f0a1b2c3d4e5f ·
    flywheel replay 1f0c5a3e9d7b42c88e6f0a1b2c3d4e5f --day 2026-05-03
    """
    from orchestration.reproduction import ANSWER_HEAD, replayed

    replay = replayed(open_installation(to_look=True), request, day.date() if day else None)
    answer = replay.answer
    grid(f"Answer {request}", ANSWER_HEAD, replay.table())
    say(f"served by {answer.rung or '–'}, release {answer.release or '–'}; logged in {answer.place}")
    for note in (*replay.differences, *replay.notes):
        say(note)
    if not replay.same:
        raise typer.Exit(1)


@app.command()
def rebuild(
    version: Annotated[str, typer.Argument(help="version of the release")],
    from_events: Annotated[
        bool, typer.Option("--from-events", help="make the training set of the events, though the lake still holds it")
    ] = False,
) -> None:
    """Train a release's model again, as its manifest says, and compare the bytes. Exit status 1 if they differ.

    Nothing is registered or replaced.

    Examples: flywheel rebuild 7 · flywheel rebuild 7 --from-events
    """
    from orchestration.reproduction import MODEL_HEAD, rebuilt

    rebuild = rebuilt(open_installation(), version, from_events=from_events)
    grid(f"Release {version}", MODEL_HEAD, rebuild.table())
    say(rebuild.sentence())
    if not rebuild.same:
        raise typer.Exit(1)
