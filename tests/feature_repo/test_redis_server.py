"""The Redis server that is started where none runs: what it holds outlives it."""

import socket
from pathlib import Path

import redis

from feature_repo.redis_server import running


def test_what_it_holds_is_there_again_when_it_is_started_again(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"redis://127.0.0.1:{probe.getsockname()[1]}/0"
    with running(url, tmp_path), redis.Redis.from_url(url) as client:
        client.set("kept", "yes")
    with running(url, tmp_path), redis.Redis.from_url(url) as client:
        assert client.get("kept") == b"yes"
