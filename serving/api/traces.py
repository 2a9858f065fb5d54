"""Traces of requests and their stages, sent to an OpenTelemetry collector; spans are made after the answer was sent."""

import os
from random import random
from time import time_ns
from typing import TYPE_CHECKING

from infra.settings import Settings
from serving.api.hot_routes import Asgi, Message, Receive, Send
from serving.limits import TRACING, RequestTrace

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Tracer

PARENT, STATE = b"traceparent", b"tracestate"
OURS = "flywheel."  # before the names of facts that are ours alone
LOW = (1 << 64) - 1  # the bits of a trace's id by which it is sampled, the same for all who sample so
LATE_S = 5.0  # for one delivery; a collector that is slower, or gone, loses spans and delays nobody


def traced(app: Asgi, settings: Settings) -> Asgi:
    """The app with traces of its requests; where they are off the app itself, so that they cost nothing."""
    if not settings.traces:
        return app
    TRACING.on = True
    return Traced(app, _tracer(settings), settings.traces_share)


class Traced:
    """Traces a share of what is posted. A caller's own trace goes on in ours, where the caller samples it."""

    def __init__(self, app: Asgi, tracer: "Tracer", share: float) -> None:
        self._app, self._tracer, self._share = app, tracer, share

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """One request, as ASGI asks for it."""
        chosen, parent = self._choose(scope) if scope["type"] == "http" and scope["method"] == "POST" else (False, None)
        if not chosen:
            await self._app(scope, receive, send)
            return
        began, status = time_ns(), 0

        async def noted(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        trace = TRACING.begin()
        try:
            await self._app(scope, receive, noted)
        finally:
            TRACING.end()  # the next request of this connection may have the same task
            self._spans(scope, trace, parent, began, status)

    def _choose(self, scope: Message) -> "tuple[bool, Context | None]":
        """Whether a request is traced, and the caller's trace; what a caller sends that is none counts as none."""
        sent = {name: value for name, value in scope["headers"] if name in {PARENT, STATE}}
        if PARENT not in sent:
            return random() < self._share, None
        from opentelemetry.trace import get_current_span
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        carrier = {name.decode(): value.decode("latin-1") for name, value in sent.items()}
        parent = TraceContextTextMapPropagator().extract(carrier)
        caller = get_current_span(parent).get_span_context()
        if not caller.is_valid:
            return random() < self._share, None
        within = (caller.trace_id & LOW) < self._share * (LOW + 1)
        return caller.trace_flags.sampled and within, parent

    def _spans(self, scope: Message, trace: RequestTrace, parent: "Context | None", began: int, status: int) -> None:
        """The span of the request, and of each stage below it."""
        from opentelemetry.context import Context
        from opentelemetry.trace import SpanKind, StatusCode, set_span_in_context

        facts = {"http.request.method": "POST", "url.path": scope["path"][:100], "http.response.status_code": status}
        facts |= {OURS + name: value for name, value in trace.facts.items()}
        request = self._tracer.start_span(
            f"POST {scope['path'][:100]}", parent or Context(), SpanKind.SERVER, facts, start_time=began
        )
        below = set_span_in_context(request, Context())
        for name, stage_began, ended, failed in trace.stages:
            stage = self._tracer.start_span(name, below, start_time=stage_began)
            if failed:
                stage.set_status(StatusCode.ERROR)
            stage.end(ended)
        if status >= 500 or not status:
            request.set_status(StatusCode.ERROR)
        request.end(time_ns())


def _tracer(settings: Settings) -> "Tracer":
    """What makes spans; a thread sends them in batches from a bounded queue.

    A collector that asks for a token gets it from OTEL_EXPORTER_OTLP_HEADERS, which the exporter reads itself.
    """
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ALWAYS_ON

    named = {"service.name": f"flywheel-{settings.system}", "service.instance.id": str(os.getpid())}
    provider = TracerProvider(ALWAYS_ON, Resource.create(named))  # what is not to be traced never comes here
    exporter = OTLPSpanExporter(settings.traces, timeout=LATE_S)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider.get_tracer("flywheel")
