"""The commands for a user's own events: from their files to deliveries, and what a feed still lacks."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.errors import DefinitionError
from orchestration.commands.console import grid, open_installation, out

if TYPE_CHECKING:
    from orchestration.sources.mapping import MappingResult
    from orchestration.system import Installation

app = typer.Typer()


@app.command("map")
def map_(
    mapping: Annotated[Path, typer.Argument(help="the mapping file")] = Path("mapping.toml"),
    guess: Annotated[
        Path | None, typer.Option("--from", help="a folder to look at: write a first mapping file to be mended")
    ] = None,
    into: Annotated[Path | None, typer.Option(help="where the deliveries go; .flywheel/mapped when absent")] = None,
) -> None:
    """Turn your own files (CSV, TSV, JSON lines, Parquet) into deliveries of the four tables.

    Examples: flywheel map --from my-files/ · flywheel map mapping.toml · flywheel map mapping.toml --into events/
    """
    from infra.pseudonyms import pseudonyms
    from infra.systems import DEFAULT
    from orchestration.sources import mapping as mappings

    installation = open_installation()
    if guess is not None:
        if installation.system.name != DEFAULT:
            raise DefinitionError(
                f"a first mapping is guessed for the tables of {DEFAULT} only. Write one by hand (docs/own-events.md), "
                f"or let `flywheel new NAME --from {guess}` write a system for the files."
            )
        if mapping.exists():
            raise DefinitionError(f"{mapping} exists already. Name another one (`flywheel map other.toml --from …`).")
        mapping.write_text(mappings.draft(guess, mapping, installation.now()), encoding="utf-8")
        out.print(f"{mapping} is written: a first guess. Look at every line, then run `flywheel map {mapping}`.")
        return
    folder = into or installation.settings.home / "mapped"
    result = mappings.write(
        mappings.read(mapping, installation.system.tables),
        installation.system.tables,
        folder,
        out.print,
        pseudonyms(installation.settings),
    )
    _report(installation, result)


def _report(installation: "Installation", result: "MappingResult") -> None:
    from orchestration.commands.doctor import daily

    grid("Deliveries", ("table", "rows", "repeats left out"), [
        (name, f"{rows:,}", f"{result.repeats.get(name, 0):,}") for name, rows in result.rows.items()
    ])  # fmt: skip
    for table, counts in result.entities.items():
        out.print(f"{table}: {', '.join(f'{n:,} {what}' for what, n in counts.items() if n)}")
    for location, (count, first) in result.unread.items():
        what = f"{count:,} values could not be read and count as unknown"
        out.print(f"[yellow]{location}: {what}, the first is `{first[:60]}`[/]")
    for location, (count, first) in result.left_out.items():
        out.print(
            f"{location}: {count:,} rows have a word that is not listed and are left out, the first is `{first[:60]}`"
        )
    if result.lost:
        grid("Absent, and what is lost by it", ("table", "column", "lost"), result.lost)
    shown = result.rows.get(installation.system.task.decisions, 0)
    if not 0 < result.successes < shown:
        out.print(
            f"[bold yellow]{result.successes:,} of {shown:,} shown rows are a success: nothing is to be told apart.[/] "
            "Put `success = true` to what people were meant to do, and give rows that were shown without it."
        )
    assert result.first is not None
    assert result.last is not None
    out.print("Next:")
    out.print(f"  flywheel ingest {result.folder} --history")
    out.print(f"  {daily(installation, result.first, result.last)}")
    out.print("  flywheel up          and, beside it:")
    out.print(f"  flywheel rank {result.latest.get(_askers(installation) or '', 'USER')}")


def _askers(installation: "Installation") -> str | None:
    """The table of those who are shown something."""
    shown = installation.tables[installation.system.task.decisions]
    return shown.column(installation.system.task.cluster).refers_to


@app.command()
def doctor() -> None:
    """Say what a system still lacks to answer by a model, and the next command. Exit status 1 while something does.

    Examples: flywheel doctor · flywheel doctor --system fraud
    """
    from orchestration.commands.doctor import complete, examine

    installation = open_installation(to_look=True)
    findings = examine(installation)
    grid(
        f"What {installation.system.name} needs", ("part", "", "seen", "next"), [finding.row() for finding in findings]
    )
    lacking = next((finding for finding in findings if finding.standing == "missing"), None)
    if lacking is not None:
        out.print(f"Next: {lacking.next_step or lacking.detail}")
    if not complete(findings):
        raise typer.Exit(1)
    answers = [f"; `{finding.next_step}` asks it" for finding in findings if finding.part in ("feed", "service")]
    out.print(f"Nothing is missing{answers[-1] if answers else ''}.", markup=False)
