"""The command that says why somebody saw something, or a case was decided so."""

import sys
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.commands.console import grid, open_installation, out, say

if TYPE_CHECKING:
    from orchestration.why import Influence, Why, WhyCase, WhyItem

app = typer.Typer()
BEHIND = 10  # candidates that were not shown: more makes no page to read


@app.command()
def why(
    request: Annotated[str, typer.Argument(help="`request_id` of a page, or the key of a case")],
    item: Annotated[str | None, typer.Argument(help="one item of the page: with all its features")] = None,
    day: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="the day it was given; when absent, all days are looked through"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="everything, as JSON")] = False,
) -> None:
    """Why a page or a case was answered so: candidates, sources, ranks, scores, features, release, policy, variant.

    All is scored again from the features as served. Exit status 1 if a score differs in a bit.

    Examples: flywheel why 1f0c5a3e9d7b42c88e6f0a1b2c3d4e5f · flywheel why 1f0c5a3e9d7b42c88e6f0a1b2c3d4e5f v17 ·
    flywheel why payment-1093 --system fraud --json
    """
    from orchestration.why import why as explained

    explanation = explained(open_installation(to_look=True), request, item, day.date() if day else None)
    if as_json:
        import msgspec

        sys.stdout.write(msgspec.json.format(msgspec.json.encode(explanation)).decode() + "\n")
    elif explanation.case is not None:
        _print_case(explanation, explanation.case)
    else:
        _print_page(explanation, alone=item is not None)
    if not explanation.same:
        raise typer.Exit(1)


def _print_page(why: "Why", *, alone: bool) -> None:
    shown = [item for item in why.items if item.place is not None]
    behind = [item for item in why.items if item.place is None]
    head = ("place", "item", "source", "score", "scored again", "propensity", *why.steps, "moved most by")
    grid(f"Page {why.request}", head, [_line(item, why.steps) for item in (*shown, *behind[:BEHIND])])
    left_out = len(behind) - BEHIND
    if left_out > 0:
        say(f"and {left_out} further candidates: `--json` has all of them")
    if alone:
        grid(f"Item {why.items[0].item}", ("feature", "as served", "moved the score by"), _all(why.items[0].influences))
    _print_rest(why)


def _print_case(why: "Why", case: "WhyCase") -> None:
    facts = {
        "action": case.action, "said": case.value, "promised": case.promise, "score": case.score,
        "scored again": case.rebuilt, "acted on from": case.threshold, "operating point": case.act_from,
        "propensity": case.propensity, "by lot": case.by_lot, "reasons": ", ".join(case.reasons) or None,
        "queue": case.queue,
    }  # fmt: skip
    grid(f"Case {why.request}", ("", ""), [(name, _word(value)) for name, value in facts.items() if value is not None])
    grid("Features", ("feature", "as served", "moved the score by"), _all(case.influences))
    _print_rest(why)


def _print_rest(why: "Why") -> None:
    facts = {
        "at": why.at, "asker": why.asker, "release": why.release, "ranker": why.ranker, "policy": why.policy,
        "variant": why.variant, "served by": why.served_by, "reason": why.reason, "candidates": why.candidates,
        "logged in": why.logged,
    }  # fmt: skip
    out.print(" · ".join(f"{name} {value}" for name, value in facts.items() if value is not None), markup=False)
    for note in (*why.differences, *why.notes):
        say(note)


def _line(item: "WhyItem", steps: tuple[str, ...]) -> tuple[str, ...]:
    most = ", ".join(f"{one.feature} {one.contribution:+.3g}" for one in item.influences[:3] if one.contribution)
    ranks = (_word(item.ranks.get(step)) for step in steps)
    own = (item.place, item.item, item.source, item.score, item.rebuilt, item.propensity)
    return (*map(_word, own), *ranks, most)


def _all(influences: "tuple[Influence, ...]") -> list[tuple[str, ...]]:
    return [(one.feature, _word(one.value), f"{one.contribution:+.4g}") for one in influences]


def _word(value: object) -> str:
    return "–" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
