"""The page that Prometheus reads, on loopback."""

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, start_http_server

from infra.processes import must_be_free
from orchestration.exporter.exporter import Exporter

SETTING = "FLYWHEEL_METRICS_PORT"


@contextmanager
def exporting(exporter: Exporter, host: str, port: int) -> Iterator[str]:
    """The address of the page while the block runs; raises Unavailable where the port is taken."""
    must_be_free("metrics", host, port, SETTING)
    registry = CollectorRegistry()
    registry.register(exporter)
    server, thread = start_http_server(port, host, registry)
    try:
        yield f"http://{host}:{port}/metrics"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
