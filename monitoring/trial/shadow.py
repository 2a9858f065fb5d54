"""What the shadow log says of a release: each of its rows is one request that was scored by both releases."""

from array import array
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np

from infra.arrays import Float64s
from monitoring.trial.facts import ShadowFacts

SLOW = 0.95  # of 100 requests, so many are at least as fast as the time that is compared
NUMBERS = ("champion_ms", "challenger_ms", "changed", "rank_agreement", "score_shift")


def shadow_facts(rows: Iterable[Mapping[str, Any]], release: str, since: datetime, now: datetime) -> ShadowFacts:
    """The facts about one release since it entered; a request that was logged twice counts once.

    Rows are gone through once and none is kept: a trial of two weeks may have a million of them.
    """
    seen: set[str] = set()
    errors, numbers = 0, {name: array("d") for name in NUMBERS}
    for row in rows:
        request = row.get("request_id")
        if row.get("challenger") != release or not isinstance(request, str) or request in seen:
            continue
        if not since <= _moment(row.get("at")) <= now:
            continue
        seen.add(request)
        if row.get("error"):
            errors += 1
            continue
        for name, values in numbers.items():
            if isinstance(value := row.get(name), int | float):
                values.append(value)
    of = {name: np.array(values, dtype=np.float64) for name, values in numbers.items()}
    return ShadowFacts(
        len(seen), errors, _slow(of["champion_ms"]), _slow(of["challenger_ms"]), _mean(of["changed"]),
        _mean(of["rank_agreement"]), _mean(of["score_shift"]),
    )  # fmt: skip


def _moment(at: Any) -> datetime:
    """The moment of a row; one without a readable moment is of no trial."""
    try:
        moment = datetime.fromtimestamp(at, UTC) if isinstance(at, int | float) else datetime.fromisoformat(at)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (TypeError, ValueError, OverflowError):
        return datetime.min.replace(tzinfo=UTC)


def _slow(values: Float64s) -> float:
    return float(np.quantile(values, SLOW)) if len(values) else float("nan")


def _mean(values: Float64s) -> float:
    return float(values.mean()) if len(values) else float("nan")
