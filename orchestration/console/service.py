"""The running service of a system, asked as an operator would: what it counts, a page, what waits for review."""

import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from infra.errors import Unavailable
from infra.settings import Settings
from orchestration import client
from serving.access import bearer
from serving.launch import PORT

ANSWER_S = 2.0
MOST_BYTES = 8 << 20
ORDER = ("full", "stale_release", "no_user_state", "popular", "nothing_known")


@dataclass(frozen=True, slots=True)
class Counted:
    """How many answers had a name, and their share of all."""

    name: str
    count: int
    share: float


@dataclass(frozen=True, slots=True)
class ServiceFigures:
    """What the service has counted since its start. Latencies are upper bounds of buckets, in milliseconds."""

    address: str
    answers: int
    rungs: tuple[Counted, ...]
    variants: tuple[Counted, ...]
    refused: int
    failed: int
    median_ms: float | None
    p95_ms: float | None
    states_age_s: float | None
    items: int | None
    rows_dropped: int
    open_breakers: tuple[str, ...] = field(default=())
    releases: tuple[str, ...] = field(default=())


def at(settings: Settings) -> Settings:
    """The settings with the port on which the system's service was started last: each system has its own."""
    with suppress(OSError, ValueError):
        return settings.model_copy(
            update={"service_port": int((settings.serving / PORT).read_text()), "patience_s": 0.0}
        )
    return settings.model_copy(update={"patience_s": 0.0})


def get(settings: Settings, path: str) -> bytes:
    """What the service answers to a GET as operator; raises Unavailable when it does not."""
    own = at(settings)
    address = client.address(own) + path
    request = urllib.request.Request(address, headers=bearer(own, "operate"))
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_S) as answer:
            content: bytes = answer.read(MOST_BYTES)
            return content
    except urllib.error.HTTPError as refused:
        raise Unavailable(f"{address} answered {refused.code}. The service of this home is another one.") from refused
    except OSError as down:
        raise Unavailable(
            f"the service does not answer at {client.address(own)}: {getattr(down, 'reason', down)}. "
            "Start it with `flywheel up`."
        ) from down


def post(settings: Settings, path: str, message: Mapping[str, Any]) -> dict[str, Any]:
    """What the service answers to JSON that is posted as operator; raises Unavailable when it does not."""
    return client.post(at(settings), "operate", path, message)


def figures(settings: Settings) -> ServiceFigures:
    """What the service has counted; raises Unavailable when it does not answer."""
    return read_figures(get(settings, "/metrics").decode(), client.address(at(settings)))


def read_figures(text: str, address: str) -> ServiceFigures:
    """The figures on a page for Prometheus."""
    from prometheus_client.parser import text_string_to_metric_families

    samples: dict[str, list[tuple[Mapping[str, str], float]]] = defaultdict(list)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            samples[sample.name].append((sample.labels, sample.value))
    rungs = _counted(samples["flywheel_answers_total"], "served_by")
    statuses = [(labels.get("status", ""), value) for labels, value in samples["flywheel_requests_total"]]
    buckets = samples["flywheel_request_seconds_bucket"]
    return ServiceFigures(
        address=address,
        answers=sum(rung.count for rung in rungs),
        rungs=tuple(sorted(rungs, key=lambda rung: ORDER.index(rung.name) if rung.name in ORDER else len(ORDER))),
        variants=_counted(samples["flywheel_variant_answers_total"], "variant"),
        refused=int(sum(value for status, value in statuses if status.startswith("4"))),
        failed=int(sum(value for status, value in statuses if status.startswith("5"))),
        median_ms=_quantile(buckets, 0.5),
        p95_ms=_quantile(buckets, 0.95),
        states_age_s=_largest(samples["flywheel_states_age_seconds"]),
        items=None if (items := _largest(samples["flywheel_items_resident"])) is None else int(items),
        rows_dropped=int(sum(value for _, value in samples["flywheel_rows_dropped_total"])),
        open_breakers=tuple(labels["dependency"] for labels, value in samples["flywheel_breaker_state"] if value >= 2),
        releases=tuple(labels["release"] for labels, value in samples["flywheel_release_live"] if value),
    )


def _counted(samples: Iterable[tuple[Mapping[str, str], float]], label: str) -> tuple[Counted, ...]:
    counts: dict[str, float] = defaultdict(float)
    for labels, value in samples:
        if label in labels:
            counts[labels[label]] += value
    total = sum(counts.values())
    return tuple(Counted(name, int(count), count / total if total else 0.0) for name, count in counts.items() if count)


def _largest(samples: Iterable[tuple[Mapping[str, str], float]]) -> float | None:
    return max((value for _, value in samples), default=None)


def _quantile(buckets: Iterable[tuple[Mapping[str, str], float]], share: float) -> float | None:
    """The upper bound, in ms, of the bucket in which a quantile of all routes lies; None without requests."""
    counts: dict[float, float] = defaultdict(float)
    for labels, value in buckets:
        counts[float(labels["le"])] += value
    total = max(counts.values(), default=0.0)
    within = [bound for bound, count in sorted(counts.items()) if total and count >= share * total]
    return None if not within or within[0] == float("inf") else within[0] * 1000
