"""What the service counts, for Prometheus."""

import os
import sys
from bisect import bisect_left
from typing import ClassVar

from serving.running import FOLDER

# BentoML and Feast set this for their own metrics; ours uses it only where workers share one (serving/service.py).
# Where one of them has loaded the client already, the client writes to that folder whatever happens and needs it named.
if FOLDER not in os.environ and "prometheus_client" not in sys.modules:
    os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

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
SOURCE_SECONDS = Counter(
    "flywheel_source_seconds", "time that sources of candidates took", ["source"], registry=REGISTRY
)
SOURCE_FAILURES = Counter(
    "flywheel_source_failures", "times that a source of candidates gave nothing", ["source", "why"], registry=REGISTRY
)
RELEASE = Gauge(
    "flywheel_release_live",
    "1 for the release that answers",
    ["release"],
    registry=REGISTRY,
    multiprocess_mode="livemax",
)
ON_TRIAL = Gauge(
    "flywheel_release_on_trial", "1 for the release that is on trial beside it, also in shadow only", ["release"],
    registry=REGISTRY, multiprocess_mode="livemax",
)  # fmt: skip
CHALLENGER_SHARE = Gauge(
    "flywheel_challenger_share", "share of the askers that the release on trial answers", registry=REGISTRY,
    multiprocess_mode="livemax",
)  # fmt: skip
VARIANT_ANSWERS = Counter(
    "flywheel_variant_answers", "answers by the variant that the asker was drawn for, and rung",
    ["route", "variant", "served_by"], registry=REGISTRY,
)  # fmt: skip
VARIANT_SECONDS = Histogram(
    "flywheel_variant_seconds", "time to answer by variant", ["variant"], registry=REGISTRY,
    buckets=(0.003, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.18, 0.5),
)  # fmt: skip
VARIANT_SCORES = Histogram(
    "flywheel_variant_score", "mean score of what was answered, by variant", ["variant"], registry=REGISTRY,
    buckets=(0.0, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 10.0, 100.0),
)  # fmt: skip
VARIANT_FAILURES = Counter(
    "flywheel_variant_failures", "answers that the release of a variant could not give, so that another one did",
    ["variant", "why"], registry=REGISTRY,
)  # fmt: skip
SHADOW = Counter(
    "flywheel_shadow", "answers offered to the release on trial to be scored again, by what came of it", ["outcome"],
    registry=REGISTRY,
)  # fmt: skip
SWAPS = Counter("flywheel_release_swaps", "releases taken into service", registry=REGISTRY)
REFUSALS = Counter("flywheel_release_refusals", "releases refused", ["release"], registry=REGISTRY)
POINTERS_REFUSED = Counter(
    "flywheel_pointers_refused", "pointers to the live release that were not followed: signature, old", ["why"],
    registry=REGISTRY,
)  # fmt: skip
TREES_BY_XGBOOST = Gauge(
    "flywheel_trees_by_xgboost", "1 while XGBoost scores the live release's trees itself, for ten times the CPU",
    registry=REGISTRY, multiprocess_mode="livemax",
)  # fmt: skip
BREAKER = Gauge(
    "flywheel_breaker_state", "0 closed, 1 half open, 2 open", ["dependency"], registry=REGISTRY,
    multiprocess_mode="livemax",
)  # fmt: skip
FAILURES = Counter("flywheel_failures", "failures of dependencies", ["dependency", "why"], registry=REGISTRY)
QUALITY = Gauge(
    "flywheel_quality", "share of the candidates that are scored", registry=REGISTRY, multiprocess_mode="livemin"
)
SCORED = Counter("flywheel_scored_items", "candidates that were scored", registry=REGISTRY)
PERSONALISED = Counter("flywheel_personalised_answers", "answers that know their asker", registry=REGISTRY)
OBJECTIVE = Gauge(
    "flywheel_personalised_objective", "share of the answers that should know their asker", registry=REGISTRY,
    multiprocess_mode="livemax",
)  # fmt: skip
ITEMS = Gauge(
    "flywheel_items_resident", "items whose states are in memory", registry=REGISTRY, multiprocess_mode="livemax"
)
STATES_AGE = Gauge(
    "flywheel_states_age_seconds", "since item states were last all that Redis held", registry=REGISTRY,
    multiprocess_mode="livemax",
)  # fmt: skip
CAPACITY = Gauge("flywheel_item_capacity", "items there is room for", registry=REGISTRY, multiprocess_mode="livemax")
NO_ROOM = Counter("flywheel_states_without_room", "states left out: arrays or disk are full", ["view"],
                  registry=REGISTRY)  # fmt: skip
CHANGES = Counter("flywheel_state_changes", "states taken from the change stream", ["view"], registry=REGISTRY)
LOGGED = Counter("flywheel_rows_landed", "rows written to the landing", ["table"], registry=REGISTRY)
DROPPED = Counter(
    "flywheel_rows_dropped", "rows of the decision log lost to a full queue or disk", ["table"], registry=REGISTRY
)
REFUSED_CONNECTIONS = Counter(
    "flywheel_connections_refused", "connections ended for what they sent, did not send or were too many", ["why"],
    registry=REGISTRY,
)  # fmt: skip
EVENTS = Counter("flywheel_events", "events by outcome", ["outcome"], registry=REGISTRY)


class Tally:
    """A counter that is added to here and written by `flush`: a write costs more than what most requests count.

    For one thread, the one that flushes.
    """

    _all: ClassVar[list["Tally | Times"]] = []

    def __init__(self, counter: Counter) -> None:
        self._counter, self._more = counter, 0.0
        self._all.append(self)

    def inc(self, amount: float = 1.0) -> None:
        """Count so many more."""
        self._more += amount

    def write(self) -> None:
        """Write what was counted."""
        if self._more:
            self._counter.inc(self._more)
            self._more = 0.0

    @classmethod
    def flush(cls) -> None:
        """Write what was counted by all of them."""
        for tally in cls._all:
            tally.write()


class Times:
    """A histogram that is added to here and written with the tallies: a page has seven of them."""

    def __init__(self, histogram: Histogram) -> None:
        self._histogram, self._bounds, self._sum = histogram, histogram._upper_bounds, 0.0
        self._counts = [0] * len(self._bounds)
        Tally._all.append(self)

    def observe(self, value: float) -> None:
        """Note one value, mostly how many seconds something took."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def write(self) -> None:
        """Write what was noted."""
        for place, count in enumerate(self._counts):
            if count:
                self._histogram._buckets[place].inc(count)  # there is no public way to add more than one
                self._counts[place] = 0
        if self._sum:
            self._histogram._sum.inc(self._sum)
            self._sum = 0.0


personalised, scored = Tally(PERSONALISED), Tally(SCORED)
_STAGES: dict[str, Times] = {}
_SOURCES: dict[str, "Source"] = {}
_VARIANTS: dict[str, "Variant"] = {}


class Route:
    """What is counted for one route; its label sets are looked up only at first."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._latency = Times(LATENCY.labels(name))
        self._ok = {status: Tally(REQUESTS.labels(name, status)) for status in (200, 202)}
        self._rungs: dict[str, Tally] = {}

    def answered(self, rung: str, personal: bool, seconds: float) -> None:
        """A page was answered from a rung of the ladder; `personal` says whether it knew its asker."""
        tally = self._rungs.get(rung)
        if tally is None:
            tally = self._rungs[rung] = Tally(ANSWERS.labels(self._name, rung))
        tally.inc()
        if personal:
            personalised.inc()
        self._ok[200].inc()
        self._latency.observe(seconds)

    def landed(self, seconds: float) -> None:
        """Events were put on disk."""
        self._ok[202].inc()
        self._latency.observe(seconds)

    def refused(self, status: int) -> None:
        """A request was refused with a status."""
        REQUESTS.labels(self._name, status).inc()


class Variant:
    """What is counted for one variant; its label sets are looked up only at first."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._latency = Times(VARIANT_SECONDS.labels(name))
        self.scored = Times(VARIANT_SCORES.labels(name)).observe
        self._rungs: dict[tuple[str, str], Tally] = {}

    def answered(self, route: str, rung: str, seconds: float) -> None:
        """An asker of this variant was answered from a rung."""
        tally = self._rungs.get((route, rung))
        if tally is None:
            tally = self._rungs[route, rung] = Tally(VARIANT_ANSWERS.labels(route, self._name, rung))
        tally.inc()
        self._latency.observe(seconds)

    def failed(self, why: str) -> None:
        """Its release could not answer."""
        VARIANT_FAILURES.labels(self._name, why.partition(":")[0][:40]).inc()


class Source:
    """What is counted for one source of candidates; its label sets are looked up only at first."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.gave = Tally(CANDIDATES.labels(name)).inc
        self.took = Tally(SOURCE_SECONDS.labels(name)).inc

    def failed(self, why: str) -> None:
        """The source gave nothing."""
        SOURCE_FAILURES.labels(self._name, why).inc()


def source(name: str) -> Source:
    """What is counted for a source of candidates."""
    meter = _SOURCES.get(name)
    if meter is None:
        meter = _SOURCES[name] = Source(name)
    return meter


def variant(name: str) -> Variant:
    """What is counted for a variant."""
    meter = _VARIANTS.get(name)
    if meter is None:
        meter = _VARIANTS[name] = Variant(name)
    return meter


def page() -> bytes:
    """The page that Prometheus reads: this process, or all workers of its service."""
    folder = os.environ.get(FOLDER)
    if not folder:
        return generate_latest(REGISTRY)
    shared = CollectorRegistry()
    MultiProcessCollector(shared, path=folder)  # type: ignore[no-untyped-call]
    return generate_latest(shared)


def stage(name: str) -> Times:
    """How long a stage of the funnel takes."""
    times = _STAGES.get(name)
    if times is None:
        times = _STAGES[name] = Times(STAGES.labels(name))
    return times
