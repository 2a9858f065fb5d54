"""The commands about the release on trial (docs/rollout.md): put it there, move it on, hold it, end it."""

import getpass
from typing import Annotated

import typer

from orchestration.commands.console import open_installation, out
from orchestration.commands.releasing import VersionArgument, Who, Why

app = typer.Typer()

Epoch = Annotated[
    int | None, typer.Option("--epoch", help="as `flywheel releases` showed it: refused when somebody moved since")
]
Evidence = Annotated[str, typer.Option("--evidence", help="what was known when this was decided, kept in the history")]
AnyVersion = Annotated[
    str | None, typer.Argument(help="version of a release that is neither live nor on trial, to give it up")
]


@app.command()
def enter(version: VersionArgument, why: Why, who: Who = "", evidence: Evidence = "", epoch: Epoch = None) -> None:
    """Put a release on trial, in shadow: it scores what the live one answers, and nobody is shown its answers.

    Example: flywheel enter 7 --why "the trial of 6 has ended"
    """
    at = open_installation()
    stage = at.registry.enter(version, who or getpass.getuser(), why, at.now(), evidence, epoch)
    out.print(f"release {version}: {stage}")


@app.command()
def advance(why: Why, who: Who = "", evidence: Evidence = "", epoch: Epoch = None) -> None:
    """Move the release on trial to its next stage: 5, 25, 50 per cent of askers, then all.

    Example: flywheel advance --why "no guardrail was hurt in two days"
    """
    at = open_installation()
    stage = at.registry.advance(who or getpass.getuser(), why, at.now(), evidence, epoch)
    out.print(f"on trial now: {stage}, {stage.share} % of askers")


@app.command()
def abort(
    why: Why, version: AnyVersion = None, who: Who = "", evidence: Evidence = "", epoch: Epoch = None
) -> None:  # fmt: skip
    """End the trial: every asker gets the live release. With a version: give up another release.

    Examples: flywheel abort --why "hides rose" · flywheel abort 4 --why "it learned from a leak"
    """
    at = open_installation()
    aborted = at.registry.abort(who or getpass.getuser(), why, at.now(), evidence, epoch, version)
    out.print(f"release {aborted}: aborted; live: {at.registry.live() or 'none'}")


@app.command()
def pause(why: Why, who: Who = "", epoch: Epoch = None) -> None:
    """Leave the release on trial where it is: its share stays, and nothing moves it on by itself.

    Example: flywheel pause --why "holidays: askers are not the usual ones"
    """
    at = open_installation()
    at.registry.pause(who or getpass.getuser(), why, at.now(), epoch=epoch)
    out.print("the trial is paused (`flywheel resume`)")


@app.command()
def resume(why: Why, who: Who = "", epoch: Epoch = None) -> None:
    """Let a paused trial go on.

    Example: flywheel resume --why "the holidays are over"
    """
    at = open_installation()
    at.registry.resume(who or getpass.getuser(), why, at.now(), epoch=epoch)
    out.print("the trial goes on")


@app.command()
def drill() -> None:
    """Roll back and forward again on the running service, to see that a rollback works here and how long it takes.

    Example: flywheel drill
    """
    from orchestration.drill import drill as drilled

    outcome = drilled(open_installation())
    out.print(outcome.says, markup=False)
    if outcome.did != "drill" or not outcome.in_time:
        raise typer.Exit(1)
