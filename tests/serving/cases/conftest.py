"""Payments to decide, and a caller of the app that decides them."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from infra.settings import Settings
from serving.access import Role, bearer
from serving.api import CaseApp
from serving.case_policy import ServedCases
from serving.online_cases import online_cases
from tests.serving.cases.payments import NOW, SERVED, PaymentWorld

Start = Callable[..., "CaseClient"]


class CaseClient:
    """Calls an app that runs in a loop of its own."""

    def __init__(self, world: PaymentWorld, served: ServedCases = SERVED) -> None:
        self.world, self._app = world, CaseApp(served, lambda: online_cases(served, world.settings, world.system))
        starlette = self._app.starlette()
        self._asgi, self._runner = self._app.with_hot_routes(starlette), asyncio.Runner()
        self._life = starlette.router.lifespan_context(starlette)
        self._runner.run(self._life.__aenter__())
        self._stopped = False

    def stop(self) -> None:
        """Stop the app; what it logged is handed over."""
        if not self._stopped:
            self._stopped = True
            self._runner.run(self._life.__aexit__(None, None, None))
            self._runner.close()

    @property
    def online(self) -> Any:
        """The parts of the running app."""
        return self._app.online

    def send(self, method: str, path: str, role: Role | None = "operate", **how: Any) -> httpx.Response:
        """One request, by a caller of that role."""
        return self.crowd([{}], method, path, role, **how)[0]

    def crowd(
        self, each: list[dict[str, Any]], method: str, path: str, role: Role | None = "operate", **how: Any
    ) -> list[httpx.Response]:
        """Several requests at once, each with something of its own."""
        headers = bearer(self.world.settings, role) if role else {}
        headers |= how.pop("headers", {})

        async def ask() -> list[httpx.Response]:
            transport = httpx.ASGITransport(self._asgi, client=("127.0.0.1", 1))
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=headers) as client:
                return await asyncio.gather(*(client.request(method, path, **how, **own) for own in each))

        return self._runner.run(ask())

    def decide(self, key: str, **fields: Any) -> Any:
        """The decision of a payment, which must be well."""
        answer = self.send("POST", "/v1/decide", json=payment(key, **fields))
        assert answer.status_code == 200, answer.text
        return answer.json()


def payment(key: str, **fields: Any) -> dict[str, Any]:
    """A payment of card `c1` at terminal `t1`."""
    usual = {"payment_id": key, "card_id": "c1", "terminal_id": "t1", "amount": 20.0, "channel": "online"}
    return {name: value for name, value in {**usual, **fields}.items() if value != "left out"}


@pytest.fixture
def payments(settings: Settings) -> PaymentWorld:
    """A filled Redis, and release 1 live."""
    world = PaymentWorld(settings.model_copy(update={"replay_from": NOW}))
    world.fill()
    world.release("1")
    world.promote("1")
    return world


@pytest.fixture
def start(payments: PaymentWorld) -> Iterator[Start]:
    """Starts apps of these payments."""
    started: list[CaseClient] = []

    def make(served: ServedCases = SERVED) -> CaseClient:
        started.append(CaseClient(payments, served))
        return started[-1]

    yield make
    for client in started:
        client.stop()
