"""Asking the running service, as a client would."""

from typing import Any

import msgspec

from orchestration.system import System
from serving.access import Role
from serving.keyring import bearer
from validation.errors import Unavailable
from validation.settings import Settings


def ask(
    settings: Settings, system: System, user: str, limit: int = 10, *, explain: bool = False, preview: bool = False
) -> dict[str, Any]:
    """The service's answer for one user; raises Unavailable when no service answers.

    A preview is neither logged nor remembered.
    """
    assert system.policy is not None
    question = {system.policy.names.user: user, "limit": limit, "explain": explain, "preview": preview}
    return post(settings, "operate", "/v1/feed", question)


def address(settings: Settings) -> str:
    """Where the service of these settings listens."""
    return f"http://{settings.service_host}:{settings.service_port}"


def post(settings: Settings, role: Role, path: str, message: Any) -> dict[str, Any]:
    """POST one JSON message in a role and read the answer."""
    import urllib.error
    import urllib.request

    base, body = address(settings), msgspec.json.encode(message)
    headers = {"content-type": "application/json", **bearer(settings, role)}
    request = urllib.request.Request(base + path, body, headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            found: dict[str, Any] = msgspec.json.decode(answer.read())
            return found
    except urllib.error.HTTPError as refused:
        raise Unavailable(f"{base}{path} answered {refused.code}: {refused.read().decode()[:300]}") from refused
    except OSError as down:
        raise Unavailable(f"no service answers at {base}: {down}. Start it with `flywheel up`.") from down


def rows(answer: dict[str, Any], item_name: str) -> list[tuple[str, ...]]:
    """The answer's items as lines: place, id, and the features that count most where they were asked for."""
    lines: list[tuple[str, ...]] = []
    for place, item in enumerate(answer["items"], 1):
        why = ", ".join(f"{part['feature']} {part['contribution']:+.2f}" for part in item.get("why", ()))
        lines.append((str(place), str(item[item_name]), why))
    return lines
