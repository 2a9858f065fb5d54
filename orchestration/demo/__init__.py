"""`flywheel demo`: the whole loop once, described while it runs, and summed up in summary.json."""

import shutil
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from infra.errors import DefinitionError
from infra.pseudonyms import FILE, choose_mode
from infra.settings import Settings
from infra.systems import FILE as SYSTEMS_FILE
from orchestration.demo.closing import close
from orchestration.demo.diary import Diary
from orchestration.demo.origins import end_of, origin
from orchestration.demo.story import AT, Story
from orchestration.demo_console import DemoConsole
from orchestration.forgetting import forget
from orchestration.system import Installation
from orchestration.systems.home_feed import HOME_FEED
from orchestration.up import everything_else, until_interrupted

MARK = "written_by_the_demo"
# the mark, in case the removal is interrupted; figures of `make bench…`; the key of ids; which systems there are
STAYS = (MARK, "bench", FILE, SYSTEMS_FILE)


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
    # All of it has to fit into 3 GiB, and the decision log is handed over soon because the demo waits for it.
    small = {"hand_over_s": 2.0, "spark_memory": "512m", "service_workers": 1}
    now = diary.clocks.get(AT, end_of(events.last))
    installation = Installation(events.system(HOME_FEED), settings.model_copy(update={"replay_from": now, **small}))
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


def _command() -> str:
    return "flywheel" if shutil.which("flywheel") else ".venv/bin/flywheel"


def emptied(settings: Settings) -> None:
    """Empty a home that an earlier demo filled, but for figures; another one with data stays as it is.

    Where the home holds other systems, too, only the settings' own one is forgotten.
    """
    home = settings.home
    contents = [path for path in home.iterdir() if path.name not in STAYS] if home.exists() else []
    if contents and not (home / MARK).exists():
        raise DefinitionError(
            f"{home} holds data that no demo wrote. Name another home (FLYWHEEL_HOME=…) or remove it (`make clean`)."
        )
    if any(path != settings.part for path in settings.part.parent.glob("*")):
        forget(settings)
        return
    for path in contents:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    home.mkdir(parents=True, exist_ok=True)
    (home / MARK).touch()
