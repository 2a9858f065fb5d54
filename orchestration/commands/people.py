"""The command about people in the data: erase one from every store."""

import getpass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestration.commands.console import grid, open_installation, out, say

if TYPE_CHECKING:
    from orchestration.system import Installation

app = typer.Typer()


@app.command()
def erase(
    users: Annotated[list[str] | None, typer.Argument(help="ids, as callers know them")] = None,
    why: Annotated[str, typer.Option("--why", help="the reason, kept in the audit; not the person's name")] = "",
    who: Annotated[str, typer.Option("--who", help="who asks for it, kept in the audit")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="count what would go, and change nothing")] = False,
) -> None:
    """Erase people from every store: landing, tables, features, online store, training sets, logs; for good.

    Without ids: all who were asked for, are described as gone, or came back with an older copy of the data. Killed at
    any point, the same command finishes it. docs/people.md says what is removed, what stays, and why.

    Examples: flywheel erase u42 --dry-run · flywheel erase u42 --why "request 1093" · flywheel erase
    """
    from orchestration import erasure

    installation = open_installation(to_look=dry_run)
    if dry_run:
        people = users or [request.person for request in erasure.due(installation)]
        counts = erasure.would_go(installation, people) if people else {}
        grid(f"What would go, of {len(people)} people", ("store", "rows"), [(n, f"{c:,}") for n, c in counts.items()])
        return
    erasure.ask(installation, users or [], who or getpass.getuser(), why)
    line = erasure.erase(installation, say, only_asked=bool(users))
    if line is None:
        out.print("nobody is to be erased")
        return
    _report(installation, erasure.facts_of(line))
    removed, retrain = line["removed"], line["retrain"]
    assert isinstance(removed, dict)
    assert isinstance(retrain, dict)
    grid("Erased", ("store", "removed"), [(name, f"{count:,}") for name, count in removed.items()])
    for version, until in retrain.items():
        say(f"release {version} learned from them: replace it by {until:%Y-%m-%d} (`flywheel run retrain`)")


def _report(installation: "Installation", facts: dict[str, Any]) -> None:
    """Write what was done outside of a run to Dagster's records, where this home has any."""
    from orchestration import runless
    from orchestration.naming import key

    if runless.has_records(installation):
        import dagster as dg

        asset = key(installation.system.name, "erasures")
        runless.record(installation, [dg.AssetMaterialization(asset, metadata=facts)])
