"""The command that removes what is older than its limit."""

from typing import Annotated

import typer

from orchestration.commands.console import grid, open_installation, out, say

app = typer.Typer()


@app.command()
def retain(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only say what would go")] = False,
    as_of: Annotated[
        str | None,
        typer.Option(
            "--as-of", help="ages count from this moment; when absent from now, or from the end of old events"
        ),
    ] = None,
) -> None:
    """Remove what is older than its limit, dataset by dataset. Exit status 1 when something too old lies there then.

    Examples: flywheel retain --dry-run · flywheel retain
    """
    from orchestration import replay
    from orchestration.retention import DONE_HEAD, HEAD, too_old
    from orchestration.retention import retain as removed

    installation = replay.as_of(open_installation(), as_of, out.print)
    kept = removed(installation, dry_run=dry_run, say=say)
    grid("Retention", HEAD if dry_run else DONE_HEAD, [each.row() for each in kept])
    sentences = [] if dry_run else too_old(installation, kept)
    for sentence in sentences:
        say(sentence)
    if sentences:
        raise typer.Exit(1)
