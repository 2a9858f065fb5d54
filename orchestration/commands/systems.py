"""The commands about systems: which there are, what one is made of, and the move of a home that is older than them."""

from typing import Annotated

import typer

from orchestration.commands.console import grid, out, say, settings

app = typer.Typer()


@app.command()
def systems(name: Annotated[str | None, typer.Argument(help="a system: its files, its page, its data")] = None) -> None:
    """List the systems that are known here, the project's and your own; docs/systems.md says how to add one.

    Examples: flywheel systems · flywheel systems home_feed
    """
    from infra.systems import named_system
    from orchestration import listing

    if name is None:
        rows, faults = listing.lines(settings())
        grid("Systems", listing.HEAD, rows)
        for fault in faults:
            say(fault)
        return
    own = settings().of(name)
    named = named_system(own)
    say(f"{name}: {named.path} ({named.origin}); served from {named.served}")
    for path in listing.files(named):
        say(f"  {path}")
    say(f"data: {own.part}" + ("" if own.part.exists() else ", which holds nothing yet"))
    say(f"live release: {listing.live(own)}")


@app.command()
def migrate() -> None:
    """Move the files of a home that an earlier version made into its system's own part. It may be given again.

    Example: FLYWHEEL_HOME=/srv/flywheel flywheel migrate
    """
    from orchestration.migration import migrate

    moved = migrate(settings(), say)
    out.print(f"{moved} folders were moved." if moved else "Nothing to move: this home is as it should be.")
