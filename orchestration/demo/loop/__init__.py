"""`flywheel demo --closed-loop`: seven simulated days in which users answer the live service's pages."""

from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from rich.console import Console

from infra.pseudonyms import choose_mode
from infra.settings import Settings
from orchestration.demo.home import SMALL, emptied
from orchestration.demo.loop.plan import Plan
from orchestration.demo.loop.report import head_of, publish, write
from orchestration.demo.loop.story import LoopStory
from orchestration.demo_console import DemoConsole
from orchestration.system import Installation, System
from orchestration.systems.home_feed import HOME_FEED

__all__ = ["Plan", "run_closed_loop"]


def run_closed_loop(settings: Settings, plan: Plan, out: Console, docs: Path | None = None) -> dict[str, Any]:
    """Run the days in a home that only demos write; returns the figures, which stand in `closed_loop.json`, too.

    docs  the folder of the project's pages, where the figures and the picture are put, too
    """
    if docs is not None:
        head_of(docs)
    emptied(settings)
    at = settings.model_copy(update={"replay_from": plan.scale.end, **SMALL})
    installation, stage = Installation(tried_quickly(HOME_FEED), at), DemoConsole(out)
    choose_mode(installation.settings)
    with ExitStack() as life:
        story = LoopStory(stage, installation, plan, life)
        try:
            story.tell()
        except BaseException:
            if story.accounts.rows:  # of hours of work, what is there is shown
                write(story)
            raise
        figures = write(story)
    if docs is not None:
        publish(installation.settings.reports, docs)
    return figures


def tried_quickly(system: System) -> System:
    """The system with a trial for a small platform and few days: each step lasts hours, and fewer askers are enough.

    What may get worse, by how much, and how sure one has to be stay as they are.
    """
    assert system.trial is not None
    shadow = replace(system.trial.shadow, requests=100, at_least=timedelta(hours=2))
    return replace(system, trial=replace(system.trial, at_least=timedelta(hours=3), askers=20, rows=50, shadow=shadow))
