"""Why one answer of the past was as it was: `flywheel why`, drawn; what cannot be made again, as it was logged."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from markupsafe import Markup

from orchestration.console.charts import push
from orchestration.console.readings import Reading
from orchestration.console.rooms import Room
from orchestration.system import Installation
from orchestration.why import Influence, Why, why
from serving.access import RefusedError

COLUMNS = 14
MOST_ITEMS, MOST_INFLUENCES = 40, 3
WAIT_S = 15.0  # a day of the log is read, and the release that answered is loaded again
FACTS = ("at", "asker", "release", "ranker", "policy", "variant", "served_by", "reason", "candidates")


async def request(room: Room) -> dict[str, Any]:
    """What the page shows. What is asked of one person is not kept."""
    asked, item, day = (room.asked.get(name, "").strip() for name in ("request", "item", "day"))
    shown: dict[str, Any] = {"asked_request": asked, "asked_item": item, "asked_day": day}
    if not asked:
        return {**shown, "answer": None, "rows": None}
    on = _day(day)
    answer = await room.look(f"why {asked} {item} {day}", lambda at: why(at, asked, item or None, on), 0.0, WAIT_S)
    rows: Reading[dict[str, Any]] | None = None
    if answer.value is None and not item:
        rows = await room.look(f"request {asked} {day}", lambda at: logged(at, asked, on), 0.0, WAIT_S)
    return {**shown, "answer": answer, "rows": rows, **(drawn(answer.value) if answer.value else {})}


def drawn(answer: Why) -> dict[str, Any]:
    """The facts of an answer that are known, and what moved each score most."""
    moved = {one.item: _influences(one.influences[:MOST_INFLUENCES]) for one in answer.items[:MOST_ITEMS]}
    return {
        "facts": {name: value for name in FACTS if (value := getattr(answer, name)) is not None},
        "items": answer.items[:MOST_ITEMS], "left_out": max(0, len(answer.items) - MOST_ITEMS), "moved": moved,
        "case_moved": _influences(answer.case.influences[: 4 * MOST_INFLUENCES]) if answer.case else [],
    }  # fmt: skip


def _influences(of: Sequence[Influence]) -> list[tuple[Influence, Markup]]:
    largest = max((abs(each.contribution) for each in of), default=1.0)
    return [(each, push(each.contribution, largest, f"{each.feature}: {each.contribution:+.2f}")) for each in of]


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise RefusedError(422, "a day is written like 2026-03-14") from None


def logged(installation: Installation, asked: str, day: date | None = None) -> dict[str, Any]:
    """The rows of an answer as they were logged; raises DefinitionError when there are none."""
    from orchestration.reproduction import logged_answer

    log = logged_answer(installation, asked, day)
    shared = {name for name in log.rows[0] if len({str(row.get(name)) for row in log.rows}) == 1}
    own = [name for name in log.rows[0] if name not in shared and not isinstance(log.rows[0][name], list)]
    return {
        "place": log.place,
        "facts": {n: log.rows[0][n] for n in log.rows[0] if n in shared and not isinstance(log.rows[0][n], list)},
        "columns": own[:COLUMNS],
        "rows": [[row.get(name) for name in own[:COLUMNS]] for row in log.rows],
    }
