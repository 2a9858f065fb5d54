"""A collector of traces on loopback, and an app whose requests are traced to it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from infra.settings import Settings
from serving.api.traces import traced
from serving.limits import TRACING


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


@contextmanager
def tracing(client: Any, port: int, share: float = 1.0, door: str = "_app") -> Iterator[None]:
    """The app with its requests traced, all spans delivered on leaving; `door` is where the client keeps it."""
    plain = getattr(client, door)
    tracer = traced(plain, Settings(traces=f"http://127.0.0.1:{port}/v1/traces", traces_share=share))
    setattr(client, door, tracer)
    try:
        yield
    finally:
        tracer._tracer.span_processor.force_flush()  # type: ignore[attr-defined]
        tracer._tracer.span_processor.shutdown()  # type: ignore[attr-defined]
        setattr(client, door, plain)
        TRACING.on = False
