"""The commands that measure: how fast the parts are, and what each part of the funnel does."""

from pathlib import Path
from typing import Annotated

import typer

from orchestration.commands.console import grid, open_installation, out, say, settings

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


@app.command()
def study(
    name: Annotated[str, typer.Argument(help="seeds, staleness, groups or search")],
    ages: Annotated[str, typer.Option(help="of staleness: days since the models' last day, with commas")] = "0,1,3,7",
) -> None:
    """Study the newest training set: what the ranker's figures rest on. Registers nothing.

    seeds: the winner fitted with five seeds, beside its gains · staleness: models of several ages on one day ·
    groups: what the features of each view are worth and cost, and what could be dropped ·
    search: trials of other settings, on rows before those that are judged (`flywheel run search` makes a candidate).

    Examples: flywheel study seeds · flywheel study staleness --ages 0,1,2 · flywheel study groups
    """
    from orchestration.studying import study as studied

    try:
        days = tuple(int(age) for age in ages.split(","))
    except ValueError as wrong:
        raise typer.BadParameter(f"`{ages}` are no days such as 0,1,3,7") from wrong
    page, path = studied(open_installation(), name, days)
    say(page.text)
    out.print(f"\n{path} holds this page.")
