"""The commands that ask the running service: for a page, or about one case."""

from typing import Annotated, Any

import typer

from orchestration.commands.console import asked_by, grid, open_installation, out, say, settings

app = typer.Typer()


@app.command()
def rank(
    user: Annotated[str, typer.Argument(help="id of the user")],
    limit: Annotated[int, typer.Option(help="how many videos")] = 10,
    explain: Annotated[bool, typer.Option("--explain", help="with the features that count most")] = False,
) -> None:
    """Ask the running service for a user's feed.

    Example: flywheel rank u42 --limit 5 --explain
    """
    from orchestration.client import ask_as, rows

    who, item = asked_by(settings())
    answer = ask_as(settings(), {who: user}, limit, explain=explain)
    grid(f"Feed of {user}", ("position", item, "why"), rows(answer, item))
    if answer.get("unknown_user"):
        say(f"Nothing is known of `{user}`, neither a description nor an event: this is the feed of a newcomer.")
    out.print(
        f"served by {answer['served_by']}, release {answer.get('release') or '–'}, "
        f"ranked by {answer.get('ranker') or 'what is popular and new'}, request {answer['request_id']}"
    )


@app.command()
def decide(
    case: Annotated[str, typer.Argument(help="the case as JSON: the columns that a request gives")],
    preview: Annotated[bool, typer.Option("--preview", help="nothing is logged, counted or put into a queue")] = False,
) -> None:
    """Ask the running service to decide one case, or to say its number.

    Example: flywheel decide --system fraud '{"payment_id": "p1", "card_id": "c1", "amount": 120, …}'
    """
    from orchestration.client import post

    installation = open_installation(to_look=True)
    answer = post(
        installation.settings, "operate", "/v1/decide", {**_read(case), **({"preview": True} if preview else {})}
    )
    rows = [(name, _words(value)) for name, value in answer.items() if name != "token" and value is not None]
    grid(f"{installation.system.name}", ("", "answer"), rows)
    out.print(f"served by {answer['served_by']}, release {answer.get('release') or '–'}")
    if answer.get("reason"):
        say(str(answer["reason"]))


def _read(case: str) -> dict[str, Any]:
    import msgspec

    try:
        return msgspec.json.decode(case, type=dict[str, Any])
    except msgspec.MsgspecError as wrong:
        raise typer.BadParameter(f"the case is no JSON object: {wrong}") from wrong


def _words(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return ", ".join(map(str, value)) or "–" if isinstance(value, list) else str(value)
