"""`flywheel demo`: the whole loop once, described while it runs, and summed up in summary.json."""

import shutil
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console

from infra.atomic import atomic_write
from infra.errors import DefinitionError
from infra.pseudonyms import choose_mode
from infra.settings import Settings
from orchestration.demo.closing import close
from orchestration.demo.decisions import Cases, DecisionStory, contenders, end_of_history
from orchestration.demo.diary import Diary
from orchestration.demo.home import SMALL, emptied
from orchestration.demo.judged import judged_cases
from orchestration.demo.loop import Plan, run_closed_loop
from orchestration.demo.origins import end_of, origin
from orchestration.demo.scenes import run_metadata
from orchestration.demo.story import AT, Story
from orchestration.demo_console import DemoConsole
from orchestration.system import Installation
from orchestration.systems.home_feed import HOME_FEED
from orchestration.up import everything_else, until_interrupted

__all__ = [
    "Plan",
    "contenders",
    "emptied",
    "judged_cases",
    "run_case_story",
    "run_closed_loop",
    "run_decisions",
    "run_demo",
    "run_metadata",
]


def run_demo(
    settings: Settings, *, source: str, path: Path | None, keep: bool, seed: int, out: Console, resume: bool = False
) -> None:
    """Run the demo in a home that only it writes; raises DefinitionError for a home with other data.

    `resume` goes on with the demo that the home holds; source and seed are then ignored.
    """
    if resume:
        diary = Diary.read(settings.home)
    else:
        origin(source, path, seed)  # raises for a wrong source, before the home is emptied
        emptied(settings)
        diary = Diary(source, seed, str(path.absolute()) if path else None)
        diary.write(settings.home)
    try:
        _run_story(settings, diary, keep, out)
    except BaseException:
        out.print(f"The demo is not finished. What is done is kept; go on with: [bold]{_command()} demo --resume[/]")
        raise


def _run_story(settings: Settings, diary: Diary, keep: bool, out: Console) -> None:
    events = origin(diary.source, Path(diary.path) if diary.path else None, diary.seed)
    now = diary.clocks.get(AT, end_of(events.last))
    installation = Installation(events.system(HOME_FEED), settings.model_copy(update={"replay_from": now, **SMALL}))
    choose_mode(installation.settings)
    stage = DemoConsole(out, diary.seconds)
    with ExitStack() as life:
        Story(stage, installation, events, diary, life).tell()
        close(stage, diary, events, settings.home / "summary.json")
        if keep:
            for line in life.enter_context(everything_else(installation)):
                out.print(f"  {line}")
            out.print("Everything runs. Ctrl-C stops it.")
            until_interrupted()


def cases_of(system: str, source: str, path: Path | None, seed: int) -> Cases:
    """The cases of a system that is no feed; raises DefinitionError for a system without a story."""
    if system == "fraud" and source == "simulator":
        from orchestration.demo.fraud import city_of

        return city_of(seed)
    if system == "eta":
        from orchestration.demo.eta import trips_of

        return trips_of(source, path, seed)
    raise DefinitionError(f"system {system} has no story with source {source}.")


def run_case_story(
    settings: Settings, *, source: str, path: Path | None, keep: bool, seed: int, out: Console, resume: bool = False
) -> None:
    """Tell the story of the settings' system, one that decides cases; it is short, and begins anew at each call."""
    if resume:
        raise DefinitionError("only the feed's demo goes on where it ended; leave out --resume")
    run_decisions(settings, cases_of(settings.system, source, path, seed), keep=keep, out=out)


def run_decisions(settings: Settings, cases: Cases, *, keep: bool, out: Console) -> dict[str, Any]:
    """Tell the story of a system that decides cases, in a home that only demos write; returns its figures."""
    emptied(settings)
    now = end_of_history(cases)
    installation = Installation(cases.system(), settings.model_copy(update={"replay_from": now, **SMALL}))
    choose_mode(installation.settings)
    stage = DemoConsole(out)
    with ExitStack() as life:
        story = DecisionStory(stage, installation, cases, life)
        story.tell()
        figures = {**story.learned, "seconds": {**stage.seconds, "total": round(sum(stage.seconds.values()), 1)}}
        with atomic_write(settings.home / f"summary-{installation.system.name}.json") as draft:
            draft.write_bytes(msgspec.json.format(msgspec.json.encode(figures, enc_hook=str)))
        if keep:
            for line in life.enter_context(everything_else(installation)):
                out.print(f"  {line}")
            until_interrupted()
    return figures


def _command() -> str:
    return "flywheel" if shutil.which("flywheel") else ".venv/bin/flywheel"
