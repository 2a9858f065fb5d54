"""Traces: a request and its stages as spans at a real collector's door, joined with its caller's; nothing when off."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from serving.api.traces import Traced, traced
from serving.limits import TRACING, Budget
from tests.serving.caller import Client
from tests.serving.conftest import PATIENT

CALLERS = "0af7651916cd43dd8448eb211c80319c"
SAMPLED = f"00-{CALLERS}-b7ad6b7169203331-01"
PREVIEW = {"user_id": "u1", "preview": True}  # nothing is drawn by lot, nothing was shown before
STAGES = {"user", "candidates", "features", "score", "rerank", "answer"}


@dataclass
class Collector:
    """What an OpenTelemetry collector was sent."""

    port: int = 0
    spans: list[Any] = field(default_factory=list)
    services: set[str] = field(default_factory=set)

    def take(self, body: bytes) -> None:
        """Take one delivery."""
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.services |= {a.value.string_value for a in resource.resource.attributes if a.key == "service.name"}
            self.spans += [span for scope in resource.scope_spans for span in scope.spans]

    def named(self, name: str) -> list[Any]:
        """The spans of one name."""
        return [span for span in self.spans if span.name == name]


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector on loopback."""
    collector = Collector()

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            collector.take(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Door)
    collector.port = server.server_port
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def asked(lasting_world: Any) -> Iterator[Client]:
    """A service with a live release."""
    lasting_world.release("1")
    lasting_world.promote("1")
    with Client(lasting_world, served=PATIENT) as started:
        yield started


@contextmanager
def tracing(client: Client, port: int, share: float = 1.0) -> Iterator[Traced]:
    """The same service with its requests traced; all spans are delivered on leaving."""
    settings = client.settings.model_copy(
        update={"traces": f"http://127.0.0.1:{port}/v1/traces", "traces_share": share}
    )
    plain, client._app = client._app, traced(client._app, settings)
    try:
        yield client._app
    finally:
        client._app._tracer.span_processor.force_flush()
        client._app._tracer.span_processor.shutdown()
        client._app, TRACING.on = plain, False


def feed(client: Client, **headers: str) -> Any:
    """A feed that is answered."""
    answer = client.send("POST", "/v1/feed", json=PREVIEW, headers=headers)
    assert answer.status_code == 200
    return answer.json()


def test_a_request_and_its_stages_are_spans_of_the_callers_trace(asked: Client) -> None:
    with collecting() as collector:
        with tracing(asked, collector.port):
            answer = feed(asked, traceparent=SAMPLED)
        (request,) = collector.named("POST /v1/feed")
        facts = {a.key: a.value.string_value or a.value.int_value for a in request.attributes}
        below = [span for span in collector.spans if span.parent_span_id == request.span_id]
    assert request.trace_id.hex() == CALLERS
    assert request.parent_span_id.hex() == "b7ad6b7169203331"
    assert facts["flywheel.request_id"] == answer["request_id"]
    assert (facts["flywheel.served_by"], facts["flywheel.release"]) == ("full", "1")
    assert facts["http.response.status_code"] == 200
    assert {span.name for span in below} >= STAGES
    for span in below:
        assert request.start_time_unix_nano <= span.start_time_unix_nano <= span.end_time_unix_nano
        assert span.end_time_unix_nano <= request.end_time_unix_nano
    assert collector.services == {"flywheel-home_feed"}
    assert "u1" not in str(collector.spans), "no trace names a person"


def test_a_refused_request_is_traced_with_its_status_and_every_request_has_a_trace_of_its_own(asked: Client) -> None:
    with collecting() as collector:
        with tracing(asked, collector.port):
            asked.send("POST", "/v1/feed", json={"nothing": 1})
            asked.crowd(5, "POST", "/v1/feed", json=PREVIEW)
        requests = collector.named("POST /v1/feed")
    codes = [a.value.int_value for span in requests for a in span.attributes if a.key == "http.response.status_code"]
    assert sorted(codes) == [200] * 5 + [422]
    assert len({span.trace_id for span in requests}) == 6
    scored = collector.named("score")
    assert len({span.trace_id for span in scored}) == 5


@pytest.mark.parametrize(
    ("traceparent", "share", "spans"),
    [
        (SAMPLED[:-1] + "0", 1.0, 0),
        (SAMPLED, 0.0, 0),
        ("00-" + "0" * 32 + "-b7ad6b7169203331-01", 1.0, 1),
        ("\xff" * 4000, 1.0, 1),
        ("00-'; drop table spans; --", 1.0, 1),
    ],
    ids=["not sampled by its caller", "none is to be", "no trace", "noise", "mischief"],
)
def test_what_a_caller_sends_is_followed_only_as_far_as_it_is_a_trace(
    asked: Client, traceparent: str, share: float, spans: int
) -> None:
    with collecting() as collector:
        with tracing(asked, collector.port, share):
            answer = asked.send(
                "POST", "/v1/feed", json=PREVIEW, headers=[(b"traceparent", traceparent.encode("latin-1"))]
            )
        assert answer.status_code == 200
        assert len(collector.named("POST /v1/feed")) == spans


def test_a_collector_that_is_gone_costs_no_answer(asked: Client) -> None:
    with collecting() as collector:
        gone = collector.port
    with tracing(asked, gone):
        assert feed(asked)["served_by"] == "full"


def test_without_the_setting_nothing_is_between_a_request_and_its_route(asked: Client) -> None:
    plain = asked._app
    assert traced(plain, asked.settings) is plain
    assert Budget(1.0).trace is None
