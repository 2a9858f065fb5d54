"""What the service counts, for Prometheus."""

import os
from contextlib import AbstractContextManager

# BentoML sets this for its own multi-process counters, which we switch off: one worker is one process is one scrape.
os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

REGISTRY = CollectorRegistry()
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

ANSWERS = Counter(
    "flywheel_answers", "answers by route and rung of the ladder", ["route", "served_by"], registry=REGISTRY
)
REQUESTS = Counter("flywheel_requests", "requests by route and status", ["route", "status"], registry=REGISTRY)
LATENCY = Histogram(
    "flywheel_request_seconds", "time to answer", ["route"], registry=REGISTRY,
    buckets=(0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.05, 0.1, 0.18, 0.5, 2.0),
)  # fmt: skip
STAGES = Histogram(
    "flywheel_stage_seconds", "time a stage of the funnel takes", ["stage"], registry=REGISTRY,
    buckets=(0.0001, 0.00025, 0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.03, 0.06, 0.18),
)  # fmt: skip
CANDIDATES = Counter("flywheel_candidates", "candidates by the source that gave them", ["source"], registry=REGISTRY)
RELEASE = Gauge("flywheel_release_live", "1 for the release that answers", ["release"], registry=REGISTRY)
SWAPS = Counter("flywheel_release_swaps", "releases taken into service", registry=REGISTRY)
REFUSALS = Counter("flywheel_release_refusals", "releases refused", ["release"], registry=REGISTRY)
REDIS_UP = Gauge("flywheel_redis_up", "1 while Redis is asked, 0 while the breaker is open", registry=REGISTRY)
REDIS_FAILURES = Counter("flywheel_redis_failures", "reads of Redis that failed", ["why"], registry=REGISTRY)
ITEMS = Gauge("flywheel_items_resident", "items whose states are in memory", registry=REGISTRY)
CHANGES = Counter("flywheel_state_changes", "states taken from the change stream", ["view"], registry=REGISTRY)
LOGGED = Counter("flywheel_rows_landed", "rows written to the landing", ["table"], registry=REGISTRY)
DROPPED = Counter(
    "flywheel_rows_dropped", "rows of the decision log lost to a full queue or disk", ["table"], registry=REGISTRY
)
EVENTS = Counter("flywheel_events", "events by outcome", ["outcome"], registry=REGISTRY)


def page() -> bytes:
    """The page that Prometheus reads."""
    return generate_latest(REGISTRY)


def stage(name: str) -> AbstractContextManager[object]:
    """Measures a stage of the funnel while the block runs."""
    return STAGES.labels(name).time()
