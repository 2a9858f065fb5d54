"""Payments to decide, and a caller of the app that decides them."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import orjson
import pytest

from infra import redis_server
from infra.settings import Settings
from serving.access import Role, bearer
from serving.api import CaseApp
from serving.case_policy import ServedCases
from serving.online_cases import online_cases
from tests.conftest import free_port
from tests.serving.cases.payments import NAMES, NOW, SERVED, PaymentWorld

Start = Callable[..., "CaseClient"]
Logged = Callable[[str], Any]


class CaseClient:
    """Calls an app that runs in a loop of its own."""

    def __init__(self, world: PaymentWorld, served: ServedCases = SERVED) -> None:
        self.world, self._app = world, CaseApp(served, lambda: online_cases(served, world.settings, world.system))
        starlette = self._app.starlette()
        self._asgi, self._runner = self._app.with_hot_routes(starlette), asyncio.Runner()
        self._life = starlette.router.lifespan_context(starlette)
        self._runner.run(self._life.__aenter__())
        self._stopped = False

    def settle(self) -> None:
        """Send what waits to be sent to Redis: the loop only runs while it is asked something."""
        if self.online.link._wire is not None:
            self.online.link._wire.flush()

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

    def follow(self) -> None:
        """Look at the registry now."""
        self._runner.run(self.online.releases._follow())
        self._runner.run(self.online.releases.challenger.follow())

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

        answers = self._runner.run(ask())
        self.settle()
        return answers

    def decide(self, key: str, **fields: Any) -> Any:
        """The decision of a payment, which must be well."""
        answer = self.send("POST", "/v1/decide", json=payment(key, **fields))
        assert answer.status_code == 200, answer.text
        return answer.json()


def payment(key: str, **fields: Any) -> dict[str, Any]:
    """A payment of card `c1` at terminal `t1`."""
    usual = {"payment_id": key, "card_id": "c1", "terminal_id": "t1", "amount": 20.0, "channel": "online"}
    return {name: value for name, value in {**usual, **fields}.items() if value != "left out"}


@pytest.fixture(scope="module")
def payments(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PaymentWorld]:
    """A filled Redis of its own, and release 1 live, for all tests of a module: each takes keys of its own."""
    home = tmp_path_factory.mktemp("home")
    settings = Settings(home=home, redis_url=f"redis://127.0.0.1:{free_port()}/0", replay_from=NOW)
    with redis_server.running(settings.redis_url, home / "redis", allow=("flushall",)):
        world = PaymentWorld(settings)
        world.fill()
        world.release("1")
        world.promote("1")
        yield world


@pytest.fixture(scope="module")
def client(payments: PaymentWorld) -> Iterator[CaseClient]:
    """An app that decides by release 1."""
    started = CaseClient(payments)
    yield started
    started.stop()


@pytest.fixture
def start(payments: PaymentWorld) -> Iterator[Start]:
    """Starts further apps of these payments, which have one clock; afterwards release 1 is live again."""
    started: list[CaseClient] = []

    def make(served: ServedCases = SERVED) -> CaseClient:
        started.append(CaseClient(payments, served))
        started[-1].online.ladder._clock = started[0].online.clock
        return started[-1]

    yield make
    for client in started:
        client.stop()
    payments.promote("1")


@pytest.fixture
def logged_of(monkeypatch: pytest.MonkeyPatch) -> Callable[[CaseClient], dict[str, Any]]:
    """Collects the rows that an app logs, by payment, as they go to the landing."""

    def collect(client: CaseClient) -> dict[str, Any]:
        rows: dict[str, Any] = {}

        def put(lines: list[bytes]) -> None:
            for line in lines:
                row = orjson.loads(line)
                rows[row["payment_id"]] = row

        monkeypatch.setattr(client.online.decisions, "put", put)
        return rows

    return collect


@pytest.fixture
def logged(client: CaseClient, logged_of: Callable[[CaseClient], dict[str, Any]]) -> Logged:
    """The row that was logged of a payment."""
    return logged_of(client).get


def named(row: Any) -> dict[str, Any]:
    """The features of a row by their names."""
    return dict(zip(NAMES, row["served_features"], strict=True))
