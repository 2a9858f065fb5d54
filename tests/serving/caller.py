"""A caller of the app, without a server around it."""

import asyncio
from typing import Any

import httpx

from serving.access.keyring import bearer
from serving.access.roles import Role
from serving.api.app import App
from serving.definition import Served
from serving.online import Online, online
from serving.systems.home_feed import SERVED
from tests.waiting import PATIENCE_S


async def states_read(parts: Online) -> None:
    """Return once a started service holds all that Redis does: its start waits only a moment for that."""
    async with asyncio.timeout(PATIENCE_S):
        while not parts.states.fresh:
            await asyncio.sleep(0.01)
    await parts._pool()


class Client:
    """Posts to an app that runs in a loop of its own, and has read its states unless it starts `without_redis`."""

    def __init__(self, world: Any, *, without_redis: bool = False, served: Served = SERVED) -> None:
        self.settings, self._without_redis = world.settings, without_redis
        self._made = app = App(served, lambda: online(served, world.settings, "home_feed"))
        self._starlette = app.starlette()
        self._app = app.with_hot_routes(self._starlette)
        self._runner = asyncio.Runner()
        self._life = self._starlette.router.lifespan_context(self._starlette)

    def __enter__(self) -> "Client":
        self._runner.run(self._life.__aenter__())
        if not self._without_redis:
            self._runner.run(states_read(self.online))
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.run(self._life.__aexit__(None, None, None))
        self._runner.close()

    @property
    def online(self) -> Any:
        """The parts of the running app."""
        return self._made.online

    def send(self, method: str, path: str, role: Role | None = "operate", **how: Any) -> httpx.Response:
        """One request, by a caller of that role."""
        return self.crowd(1, method, path, role, **how)[0]

    def crowd(
        self, count: int, method: str, path: str, role: Role | None = "operate", **how: Any
    ) -> list[httpx.Response]:
        """The same request so many times, all at once."""
        headers = bearer(self.settings, role) if role else {}

        async def ask() -> list[httpx.Response]:
            transport = httpx.ASGITransport(self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://service", headers=headers) as client:
                return await asyncio.gather(*(client.request(method, path, **how) for _ in range(count)))

        return self._runner.run(ask())

    def feed(self, **fields: Any) -> Any:
        """The answer to a feed request, which must be well."""
        answer = self.send("POST", "/v1/feed", json={"user_id": "u1", "preview": True, **fields})
        assert answer.status_code == 200, answer.text
        return answer.json()
