"""A client that keeps its connection, as an app does: feeds are asked for and events are sent."""

import http.client
from http import HTTPStatus
from typing import Any

import msgspec

from infra.errors import Unavailable
from infra.settings import Settings
from serving.access import Role, bearer

ANSWER_S = 30.0
ATTEMPTS = 3  # a connection that rested while a job ran is closed by the service


class Caller:
    """One client of one service."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._connection = self._connect()

    def feed(
        self, user_field: str, user: str, limit: int, context: dict[str, str], *, preview: bool = False
    ) -> dict[str, Any]:
        """A page; raises Unavailable when there is no answer."""
        asked = {user_field: user, "limit": limit, "context": context, "preview": preview}
        status, answer = self._post("operate" if preview else "rank", "/v1/feed", asked)
        if status != HTTPStatus.OK:
            raise Unavailable(f"/v1/feed answered {status} for user {user}: {answer}")
        return answer

    def events(self, events: list[dict[str, Any]]) -> bool:
        """Whether the events were taken; not where the service asks for them to be sent again later."""
        status, answer = self._post("events", "/v1/events", {"events": events})
        if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
            return False
        if status >= HTTPStatus.BAD_REQUEST:
            raise Unavailable(f"/v1/events answered {status}: {answer}")
        return True

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def _post(self, role: Role, path: str, message: Any) -> tuple[int, dict[str, Any]]:
        body = msgspec.json.encode(message)
        headers = {"content-type": "application/json", **bearer(self._settings, role)}
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._connection.request("POST", path, body, headers)
                answer = self._connection.getresponse()
                return answer.status, msgspec.json.decode(answer.read() or b"{}")
            except (http.client.HTTPException, OSError) as lost:
                self._connection.close()
                if attempt == ATTEMPTS:
                    raise Unavailable(f"no service answers at {path}: {lost!r}") from lost
                self._connection = self._connect()
        raise AssertionError("unreachable")

    def _connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self._settings.service_host, self._settings.service_port, timeout=ANSWER_S)
