"""The command that writes a system of one's own from a folder of files."""

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from infra.errors import DefinitionError
from orchestration.commands.console import grid, out, say, settings

app = typer.Typer()
ENOUGH = 12
"""So many names are listed where one has to be chosen."""


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="of the system: small letters, digits and underscores")],
    folder: Annotated[Path, typer.Option("--from", help="a folder with a file or folder for each table; or one file")],
    target: Annotated[str, typer.Option(help="the column to be predicted: 0 or 1, or a number")] = "",
    decisions: Annotated[str, typer.Option(help="the table with a row for each decision")] = "",
    key: Annotated[str, typer.Option(help="the column that names a decision; several with commas between")] = "",
    event_time: Annotated[str, typer.Option(help="the column that says when it was decided")] = "",
    received_time: Annotated[str, typer.Option(help="the column that says when the row was received")] = "",
    label_time: Annotated[str, typer.Option(help="the column that says when the target was known")] = "",
    label_delay: Annotated[str, typer.Option(help="how long after it the target is known: 90m, 12h, 30d")] = "",
    later: Annotated[str, typer.Option(help="columns that are known with the target only, with commas between")] = "",
    entities: Annotated[str, typer.Option(help="columns whose values get counters, with commas between")] = "",
) -> None:
    """Write a system of your own from a folder of JSON lines, Parquet or CSV files: definitions, a page and a test.

    What no flag says is asked on a terminal, or guessed and told. Nothing is overwritten.

    Examples: flywheel new returns --from sales/ · flywheel new late --from trips.parquet --target minutes ·
    flywheel new churn --from tables/ --decisions accounts --target churned --label-delay 30d ·
    flywheel new clicks --from log/ --target is_click --later watch_ms,liked --key user_id,item_id,shown_at
    """
    from infra.systems import register
    from orchestration.scaffolding import Said, check_name, choose, length, look_at, sketch_of, write_package

    here, installed = Path.cwd(), settings()
    check_name(name, here, installed)
    seen = look_at(folder)
    said = Said(
        decisions=decisions,
        key=_several(key),
        event_time=event_time,
        received_time=received_time,
        target=target,
        label_time=label_time,
        label_delay=length(label_delay, "--label-delay") if label_delay else None,
        later=_several(later),
        entities=_several(entities),
    )
    chosen = choose(seen, said, _ask)
    drawn = sketch_of(name, seen, chosen)
    written = write_package(drawn, here, *_commands())
    register(installed, name, f"{name}.system:SYSTEM", here)
    grid(f"{name}, as guessed", ("what", "guess", "say otherwise"), chosen.notes)
    for each in (*drawn.unused, *(f"`{c.source}` is left out: it holds {c.kind}" for c in drawn.left_out)):
        say(each)
    say(f"Written: {', '.join(path.relative_to(here).as_posix() for path in written.files)}")
    say(f"Look at {name}/events.py first: a column that is known later than the decision is a leak (--later).")
    out.print("Next:")
    for line in written.commands:
        say(f"  {line}")


def _ask(question: str, able: Sequence[str], flag: str, otherwise: str = "") -> str:
    listed = f"{', '.join(able[:ENOUGH])}{' …' if len(able) > ENOUGH else ''}"
    if not _on_a_terminal() and otherwise:
        return otherwise
    if not _on_a_terminal():
        raise DefinitionError(f"{question} Say it with {flag} NAME. There are: {listed or 'none that could be'}.")
    return str(typer.prompt(f"{question}\n  {listed}\n{flag}", default=otherwise or None))


def _on_a_terminal() -> bool:
    return sys.stdin.isatty()


def _several(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _commands() -> tuple[str, str]:
    """How this command line, and its Python, are called from here."""
    called = Path(sys.argv[0])
    if called.name != "flywheel":
        return "flywheel", "python"
    here = all(_folder_of(name) == called.absolute().parent for name in ("flywheel", "python"))
    return ("flywheel", "python") if here else (str(called), str(called.parent / "python"))


def _folder_of(name: str) -> Path | None:
    path = shutil.which(name)
    return Path(path).absolute().parent if path else None
