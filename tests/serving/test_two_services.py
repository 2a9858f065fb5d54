"""Two systems in one home, a service each: what happens to one does not reach the other."""

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from infra import loops
from infra.settings import Settings
from infra.systems import register
from orchestration.client import address, ask_as
from orchestration.up import with_ports
from serving.launch import Running, started
from tests.conftest import free_port
from tests.orchestration.outside import feed_again
from tests.waiting import until

SECOND = "second"


@pytest.fixture(scope="module")
def both(lasting_world: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, tuple[Settings, Running]]]:
    """A released feed, and another system from a folder, of which nothing is released: settings and service of each."""
    lasting_world.release("1")
    lasting_world.promote("1")
    loops.prepare()
    code = tmp_path_factory.mktemp("code")
    settings = lasting_world.settings.model_copy(update={"service_workers": 1})
    register(settings, SECOND, feed_again(code, SECOND), code)
    taken = settings.service_port + 1
    ports = with_ports(settings.model_copy(update={"dagster_port": taken}), [settings.system, SECOND])
    assert [each.service_port for each in ports] == [settings.service_port, settings.service_port + 2]
    each_own = [ports[0], ports[1].model_copy(update={"service_port": free_port()})]
    with ExitStack() as stack:
        yield {at.system: (at, stack.enter_context(started(at))) for at in each_own}


def feed(at: Settings) -> dict[str, Any]:
    return ask_as(at, {"user_id": "u1"}, 5, preview=True)


def answers(running: Running) -> bool:
    try:
        return httpx.get(f"{running.address}/readyz").is_success
    except httpx.TransportError:
        return False


def test_each_answers_from_its_own_releases_records_and_folder(both: dict[str, tuple[Settings, Running]]) -> None:
    (first, _), (second, _) = both.values()
    pages: list[dict[str, Any]] = []
    until(lambda: pages.append(feed(first)) or pages[-1]["release"] == "1", lambda: pages[-1])
    other = feed(second)
    assert other["release"] is None, "the release of the other system is not its own"
    assert other["unknown_user"], "what Redis holds of the other system's users is not read"
    assert not other["items"], "nor what it holds of the other system's items"
    assert first.log("service").exists()
    assert second.log("service").exists()


def test_a_command_finds_the_service_of_its_system(both: dict[str, tuple[Settings, Running]]) -> None:
    for at, running in both.values():
        told = Settings(home=at.home, system=at.system, service_host=at.service_host)
        assert address(told) == running.address


def test_killing_one_leaves_the_other_answering(both: dict[str, tuple[Settings, Running]]) -> None:
    (first, kept), (second, killed) = both.values()
    os.killpg(killed.process.pid, signal.SIGKILL)
    killed.process.wait()
    until(lambda: not answers(killed))  # its workers notice that their parent is gone
    assert feed(first)["items"]
    assert httpx.get(f"{kept.address}/readyz").status_code == 200
    with started(second) as again:
        assert httpx.get(f"{again.address}/readyz").status_code == 200
        assert feed(first)["items"]
