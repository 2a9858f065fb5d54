"""The commands about releases: what was live when, and which one is live now."""

import getpass
from datetime import UTC, datetime
from typing import Annotated

import typer

from orchestration.commands.console import grid, open_installation, out, registry, say

app = typer.Typer()
NONE = "no release is live here: there is nothing that services could follow"

VersionArgument = Annotated[str, typer.Argument(help="version of the release")]
Why = Annotated[str, typer.Option("--why", help="the reason, kept in the history")]
Who = Annotated[str, typer.Option("--who", help="who decides this, kept in the history")]
Repair = Annotated[
    bool,
    typer.Option("--repair", help="put right what disagrees, sign what older code left, go on where history is lost"),
]
Restored = Annotated[
    str, typer.Option("--restored", metavar="WHY", help="the home is an older backup: services are to follow it again")
]


@app.command()
def releases(repair: Repair = False, restored: Restored = "", who: Who = "") -> None:
    """What was live when and for which share; who moved what, and why; the stage of each release; what disagrees.

    Examples: flywheel releases --repair · flywheel releases --restored "the disk of Monday was lost"
    """
    if restored:
        installation = open_installation()
        live = installation.registry.restored(who or getpass.getuser(), restored, installation.now())
        say(f"release {live} was made live again, with an epoch above all that services have seen" if live else NONE)
    if repair:
        installation = open_installation()
        for sentence in installation.registry.repair(who or getpass.getuser(), installation.now()):
            out.print(sentence, markup=False)
    models = registry()
    from training.registry import SPAN_HEAD, spans

    moves = models.history()
    grid("Live", SPAN_HEAD, [span.row() for span in spans(moves)])
    head = ("at", "action", "live", "moved", "who", "why", "evidence")
    grid("Moves", head, [(*move.row(), move.evidence) for move in moves])
    grid("Releases", ("release", "stage"), [*models.stages().items()])
    out.print(f"live: {models.live() or 'none'}")
    trial = models.trial()
    if trial:
        paused = ", paused" if trial.paused else ""
        out.print(f"on trial: {trial.version}, {trial.stage} since {trial.since:%Y-%m-%d %H:%M} UTC{paused}")
    out.print(f"epoch: {models.epoch()}")
    for version, deadline in models.deadlines().items():
        late = deadline.passed(datetime.now(UTC))
        which = f"release {version} has to be replaced by {deadline.until:%Y-%m-%d}: {deadline.why}"
        then = " It can be neither promoted nor rolled back to." if late else ""
        out.print(f"{which}.{then}", style="bold red" if late else "", markup=False)
    for sentence in models.disagreements():
        out.print(sentence, style="bold red", markup=False)


@app.command()
def prove(version: VersionArgument) -> None:
    """Build the service, start it with a release beside the live one, and keep whether it took it: promotion asks.

    Example: flywheel prove 7
    """
    from orchestration import proving

    proof = proving.proven(open_installation(), version)
    out.print(f"release {version} is proven: {proof['bento']} answered with it, {proof['items']} items")


@app.command()
def value(versions: Annotated[list[str], typer.Argument(help="versions of releases, to be compared")]) -> None:
    """Estimate what releases would be worth, from logged pages whose order was drawn by lot; nothing is served.

    Exit status 1 where such pages are too few.

    Examples: flywheel value 7 · flywheel value 6 7
    """
    from orchestration.valuation import valued
    from training.release import VALUE_HEAD, value_line

    values, pages = valued(open_installation(), versions)
    grid("Value off-policy", VALUE_HEAD, [value_line(f"release {version}", value) for version, value in values.items()])
    refused = [value.refused for value in values.values() if value.refused]
    if refused:
        say(f"{refused[0]}. The step `Shuffle` shows a share of the pages in random order (docs/offpolicy.md)")
        raise typer.Exit(1)
    say(pages.introduction())


@app.command()
def promote(version: VersionArgument, why: Why, who: Who = "") -> None:
    """Make a release live for all askers at once, if its gates passed and a built service took it; a trial ends.

    Example: flywheel promote 7 --why "passed the review"
    """
    installation = open_installation()
    installation.registry.promote(version, who=who or getpass.getuser(), why=why, at=installation.now())
    out.print(f"live: {installation.registry.live()}")


@app.command()
def rollback(why: Why, who: Who = "") -> None:
    """Make the previous release live again, with all that belongs to it; a trial ends.

    Example: flywheel rollback --why "long views fell since noon"
    """
    installation = open_installation()
    installation.registry.rollback(who=who or getpass.getuser(), why=why, at=installation.now())
    out.print(f"live: {installation.registry.live()}")
