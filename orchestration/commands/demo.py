"""The command that tells the story of a system, or closes its loop for seven days."""

from pathlib import Path
from typing import Annotated

import typer

from orchestration.commands.console import out, settings

app = typer.Typer()


@app.command()
def demo(
    source: Annotated[str, typer.Option(help="simulator or kuairand")] = "simulator",
    path: Annotated[Path | None, typer.Option(help="folder of KuaiRand's files")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="leave everything running afterwards, until Ctrl-C")] = False,
    seed: Annotated[int, typer.Option(help="another seed, another world")] = 7,
    resume: Annotated[bool, typer.Option("--resume", help="go on with a demo that was ended, at its scene")] = False,
    closed_loop: Annotated[
        bool, typer.Option("--closed-loop", help="seven simulated days: users answer the live service's pages")
    ] = False,
    pages: Annotated[int, typer.Option(min=100, help="with --closed-loop: how many pages a day")] = 2000,
    docs: Annotated[Path | None, typer.Option(help="with --closed-loop: write its page and picture there, too")] = None,
) -> None:
    """Turn the whole loop once and tell the story; figures go to .flywheel/summary.json.

    Examples: flywheel demo --source kuairand --path ../shared/data/kuairand · flywheel demo --resume ·
    flywheel demo --system fraud · flywheel demo --closed-loop --pages 800
    """
    if closed_loop:
        from orchestration.demo import Plan, run_closed_loop

        run_closed_loop(settings(), Plan(pages=pages, seed=seed), out, docs)
        return
    from infra.systems import named_system

    named_system(settings()).load_story()(
        settings(), source=source, path=path, keep=keep, seed=seed, out=out, resume=resume
    )
