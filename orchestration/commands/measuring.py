"""The commands that measure: how fast the parts are, and what each part of the funnel does."""

from pathlib import Path
from typing import Annotated

import typer

from orchestration.commands.console import grid, open_installation, out, settings

app = typer.Typer()


@app.command()
def bench() -> None:
    """Measure the parts against the obvious way of doing the same, as ratios within one run.

    Example: flywheel bench
    """
    import tempfile

    from orchestration.commands.bench import measure

    with tempfile.TemporaryDirectory() as scratch:
        figures = measure(open_installation(), Path(scratch), out.print)
    grid("CPU time, in one run", ("what", "ours", "the obvious way", "times cheaper"), figures)


@app.command()
def funnel(
    users: Annotated[int, typer.Option(help="how many users are asked", min=2)] = 600,
    seed: Annotated[int, typer.Option(help="another seed, another simulated platform")] = 7,
    page: Annotated[Path, typer.Option(help="the page to write")] = Path("docs/funnel.md"),
) -> None:
    """Measure on a simulated platform what retrieval and each step of re-ranking do, and write it down.

    The platform is built in .flywheel/funnel the first time, which takes a few minutes.

    Example: flywheel funnel --users 300
    """
    from orchestration.funnel import report

    report(open_installation().system, settings(), users=users, seed=seed, target=page, out=out)
