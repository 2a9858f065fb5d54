"""Asking a service that is busy: it is asked again, for as long as the settings say."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from infra.errors import Unavailable
from infra.settings import Settings
from orchestration import client as feed


class Service(ThreadingHTTPServer):
    """Answers with these statuses in turn, the last one for ever; all but 200 and 422 with Retry-After."""

    def __init__(self, *statuses: int) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.statuses, self.asked = list(statuses), 0


class Answering(BaseHTTPRequestHandler):
    server: Service

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.server.asked += 1
        status = self.server.statuses.pop(0) if len(self.server.statuses) > 1 else self.server.statuses[0]
        self.send_response(status)
        if status not in {200, 422}:
            self.send_header("retry-after", "1")
        self.end_headers()
        self.wfile.write(b'{"release": "1"}')

    def log_message(self, *_: object) -> None:
        """Nothing is said on stderr."""


@pytest.fixture
def service(request: pytest.FixtureRequest) -> Iterator[Service]:
    with Service(*request.param) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def settings(home: Path, service: Service, patience_s: float) -> Settings:
    return Settings(home=home, service_port=service.server_address[1], patience_s=patience_s)


@pytest.mark.parametrize("service", [(429, 503, 200)], indirect=True)
def test_a_service_that_has_no_time_is_asked_again(tmp_path: Path, service: Service) -> None:
    assert feed.ask_as(settings(tmp_path, service, 600), {"user_id": "u1"}, 5) == {"release": "1"}
    assert service.asked == 3


@pytest.mark.parametrize(
    ("service", "words"),
    [((429,), "429.*for 0 s now. Ask again when less is going on"), ((422,), "answered 422")],
    indirect=["service"],
    ids=["busy for too long", "a question that is wrong"],
)
def test_what_more_asking_does_not_mend_is_said(tmp_path: Path, service: Service, words: str) -> None:
    with pytest.raises(Unavailable, match=words):
        feed.ask_as(settings(tmp_path, service, 0), {"user_id": "u1"}, 5)
    assert service.asked == 1
