"""What every room's tests share: a home that is thrown away, a real Redis server, one Spark session."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import redis

import serving.metrics  # noqa: F401  before Feast, which switches the Prometheus client to files shared by processes
from infra import redis_server
from infra.lake import Lake
from infra.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

for name in [name for name in os.environ if name.startswith("FLYWHEEL_")]:
    del os.environ[name]  # tests do not touch the installation of whoever runs them
os.environ["FLYWHEEL_PSEUDONYMS"] = "false"  # tests name persons; those of pseudonyms ask for them
os.environ |= {"FEAST_USAGE": "False", "BENTOML_DO_NOT_TRACK": "true", "MLFLOW_DISABLE_TELEMETRY": "true"}
# Compiled loops are kept between tests and runs: else every home that a test throws away costs four seconds of CPU.
os.environ.setdefault("NUMBA_CACHE_DIR", str(Path(__file__).parent.parent / ".pytest_cache" / "loops"))


@pytest.fixture(scope="module", autouse=True)
def own_environment() -> Iterator[None]:
    """What a job that runs in this process tells those that it starts is not told to the next file of tests."""
    before = {name: value for name, value in os.environ.items() if name.startswith("FLYWHEEL_")}
    yield
    for name in [name for name in os.environ if name.startswith("FLYWHEEL_")]:
        del os.environ[name]
    os.environ.update(before)


EMPTYING = ("flushall",)  # off in servers that are started here, and needed between two tests


def free_port() -> int:
    """A port on loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def redis_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real Redis server that lives as long as the test run."""
    address = f"redis://127.0.0.1:{free_port()}/0"
    with redis_server.running(address, tmp_path_factory.mktemp("redis"), allow=EMPTYING) as url:
        yield url


@pytest.fixture
def redis_url(redis_address: str) -> str:
    """The address of a real, empty Redis server."""
    with redis.Redis.from_url(redis_address) as client:
        client.flushall()
    return redis_address


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """An empty lake."""
    return Lake(tmp_path / "lake")


@pytest.fixture
def settings(tmp_path: Path, redis_url: str) -> Settings:
    """A fresh installation: its own home, its own empty Redis."""
    return Settings(home=tmp_path / "home", redis_url=redis_url)


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> "SparkSession":
    """The one Spark session of the test run."""
    from infra.spark import session

    return session(Settings(home=tmp_path_factory.mktemp("spark")))
