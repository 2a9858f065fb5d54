"""Doctor says what a feed lacks, part by part, with the command that brings it."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pyarrow as pa
import pytest
import redis
from typer.testing import CliRunner

from feature_repo.records import redis_records
from feature_repo.records.layout import encode, layouts
from infra.settings import Settings
from orchestration.commands.cli import app
from orchestration.commands.doctor import PartStatus, complete, examine
from orchestration.system import Installation
from orchestration.systems.fraud import FRAUD
from orchestration.systems.home_feed import HOME_FEED
from tests.serving.conftest import free_port

AT = datetime(2026, 5, 3, 12, tzinfo=UTC)


def installation(home: Path, redis_url: str) -> Installation:
    return Installation(HOME_FEED, Settings(home=home, redis_url=redis_url, service_port=free_port()))


def by_part(at: Installation) -> dict[str, PartStatus]:
    return {finding.part: finding for finding in examine(at)}


def stored(at: Installation) -> None:
    """A video and an impression in the lake, as far as doctor looks."""
    for table in at.system.tables:
        at.lake.append(f"tables/{table.name}", AT.date(), pa.table({table.key[0]: ["a"]}))


def described(at: Installation, **changed: object) -> None:
    """One video online."""
    layout = layouts(at.system.features)["video_profile"]
    values = {
        "creator_id": "c", "category": "x", "length_class": "unknown", "language": "und", "regions": [],
        "status": "live", "age_rating": "0", "uploaded_at": 1_700_000_000, "duration_s": 30.0,
    } | changed  # fmt: skip
    floats = np.array([[values[name] for name in layout.floats]], dtype=np.float32)
    moment = np.array([int(AT.timestamp()) * 1_000_000], dtype=np.int64)
    records = encode(layout, floats, [[values[name]] for name in layout.others], moment, moment)
    with redis.Redis.from_url(at.settings.redis_url) as client:
        redis_records.write_records(client, layout, [("v",)], records, AT)


def test_an_empty_home_lacks_everything_and_the_first_next_command_is_to_bring_events(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLYWHEEL_HOME", str(tmp_path))
    monkeypatch.setenv("FLYWHEEL_REDIS_URL", f"redis://127.0.0.1:{free_port()}/0")
    monkeypatch.setenv("FLYWHEEL_SERVICE_PORT", str(free_port()))
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 1
    assert "flywheel map --from DIR" in result.output
    assert "nothing answers at" in result.output
    assert not list(tmp_path.glob("mlflow*")), "looking makes nothing"


def test_each_part_is_told_with_the_command_that_brings_it(tmp_path: Path, redis_url: str) -> None:
    at = installation(tmp_path, redis_url)
    stored(at)
    parts = by_part(at)
    assert parts["table videos"].standing == "there"
    assert parts["features"].next_step == "flywheel run daily --day 2026-05-03 --until 2026-05-03"
    assert parts["online states"].standing == "missing"
    assert parts["release"].next_step == "flywheel run retrain --day 2026-05-03"
    assert (parts["service"].standing, parts["service"].next_step) == ("missing", "flywheel up")
    assert not complete(list(parts.values()))


@pytest.mark.parametrize(
    ("changed", "standing", "detail"),
    [
        ({}, "there", "1 of 1 may be shown"),
        ({"status": "removed"}, "missing", "1 have another video_profile.status than live"),
        ({"age_rating": None}, "missing", "1 have another video_profile.age_rating than 0, 13, 16, 18"),
    ],
    ids=["a live video", "taken down", "never rated: shown to nobody"],
)
def test_videos_that_nobody_may_be_shown_are_told_with_what_keeps_them_back(
    changed: dict[str, object], standing: str, detail: str, tmp_path: Path, redis_url: str
) -> None:
    at = installation(tmp_path, redis_url)
    described(at, **changed)
    part = by_part(at)["eligible video_id"]
    assert part.standing == standing
    assert detail in part.detail


def test_a_password_is_in_no_line(tmp_path: Path) -> None:
    at = installation(tmp_path, f"redis://somebody:secret@127.0.0.1:{free_port()}/0")
    assert not any("secret" in cell for finding in examine(at) for cell in finding.row())


def test_a_part_whose_look_fails_is_missing_with_the_reason(tmp_path: Path, redis_url: str) -> None:
    at = installation(tmp_path, redis_url)
    candidates = Settings(home=tmp_path).candidates
    candidates.mkdir(parents=True)
    (candidates / "verdict.json").write_text("{")
    assert by_part(at)["release"].standing == "missing"


class Decides(BaseHTTPRequestHandler):
    """A service that decides whatever is asked, and keeps what was asked."""

    asked: list[tuple[str, dict[str, object]]]

    def do_POST(self) -> None:
        self.asked.append((self.path, json.loads(self.rfile.read(int(self.headers["content-length"])))))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"served_by": "full", "release": "4"}')

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    """Where a service of cases listens."""
    Decides.asked = []
    server = HTTPServer(("127.0.0.1", 0), Decides)
    Thread(target=server.serve_forever).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def test_a_service_of_cases_is_asked_for_a_case_and_each_command_names_the_system(
    tmp_path: Path, redis_url: str, port: int
) -> None:
    parts = by_part(Installation(FRAUD, Settings(home=tmp_path, redis_url=redis_url, service_port=port)))
    assert (parts["service"].standing, parts["service"].detail) == ("there", "served by full, release 4")
    [(path, case)] = Decides.asked
    assert (path, case["preview"]) == ("/v1/decide", True), "looking leaves no trace"
    assert parts["table payments"].next_step == "flywheel ingest DIR --system fraud", "`flywheel map` is the feed's"
    assert all(part.next_step.endswith("--system fraud") for part in parts.values() if part.next_step)
