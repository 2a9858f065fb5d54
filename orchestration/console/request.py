"""Why one answer of the past was as it was, from the decision log."""

from typing import Any

from orchestration.console.rooms import Room
from orchestration.system import Installation

COLUMNS = 14


async def request(room: Room) -> dict[str, Any]:
    """What the page shows."""
    asked = room.asked.get("request", "").strip()
    answer = await room.look(f"request {asked}", lambda at: logged(at, asked), 0.0) if asked else None
    return {"asked_request": asked, "answer": answer}


def logged(installation: Installation, asked: str) -> dict[str, Any]:
    """The rows of an answer as they were logged; raises DefinitionError when there are none."""
    from orchestration.reproduction import logged_answer

    log = logged_answer(installation, asked)
    shared = {name for name in log.rows[0] if len({str(row.get(name)) for row in log.rows}) == 1}
    own = [name for name in log.rows[0] if name not in shared and not isinstance(log.rows[0][name], list)]
    return {
        "place": log.place,
        "facts": {n: log.rows[0][n] for n in log.rows[0] if n in shared and not isinstance(log.rows[0][n], list)},
        "columns": own[:COLUMNS],
        "rows": [[row.get(name) for name in own[:COLUMNS]] for row in log.rows],
    }
