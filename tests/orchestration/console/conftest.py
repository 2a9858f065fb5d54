"""What the console's tests share: one home with a console in front of it, and one browser."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from infra.settings import Settings
from tests.conftest import free_port
from tests.orchestration.console import browser
from tests.orchestration.console.stand import Stand, stand
from tests.serving.conftest import NOW, World

if TYPE_CHECKING:
    from selenium import webdriver


@pytest.fixture(scope="session")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    """A console in front of a home in which everything runs."""
    home = tmp_path_factory.mktemp("home")
    url = f"redis://127.0.0.1:{free_port()}/0"
    world = World(Settings(home=home, redis_url=url, service_port=free_port(), replay_from=NOW, head_s=3.0, body_s=3.0))
    world.start_redis()
    world.fill()
    with stand(world, free_port()) as ready:
        yield ready
    world.kill_redis()


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator["webdriver.Chrome"]:
    """One browser for all tests."""
    if not (browser.CHROMIUM and browser.DRIVER):
        pytest.skip(browser.MISSING)
    with browser.chromium(tmp_path_factory.mktemp("profile")) as started:
        yield started
