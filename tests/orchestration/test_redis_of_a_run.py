"""`flywheel run` brings its own Redis where nothing runs yet, and only for what goes online."""

from pathlib import Path

import pytest

from infra.redis_server import answers
from infra.settings import Settings
from orchestration.runs import redis_for
from orchestration.system import Installation
from orchestration.systems.home_feed import HOME_FEED
from tests.serving.conftest import free_port


@pytest.mark.parametrize(("job", "there"), [("features", True), ("daily", True), ("ingest", False), ("train", False)])
def test_a_job_that_goes_online_finds_a_redis_where_none_ran(job: str, there: bool, tmp_path: Path) -> None:
    at = Installation(HOME_FEED, Settings(home=tmp_path, redis_url=f"redis://127.0.0.1:{free_port()}/0"))
    with redis_for(at, job):
        assert answers(at.settings.redis_url) == there
    assert not answers(at.settings.redis_url)
