"""What the shadow log says of a release: each of its rows is one request that was scored by both releases."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np

from infra.arrays import Float64s
from monitoring.trial.facts import ShadowFacts

SLOW = 0.95  # of 100 requests, so many are at least as fast as the time that is compared


def shadow_facts(rows: Iterable[Mapping[str, Any]], release: str, since: datetime, now: datetime) -> ShadowFacts:
    """The facts about one release since it entered; a request that was logged twice counts once."""
    own = {
        row["request_id"]: row
        for row in rows
        if row.get("challenger") == release and "request_id" in row and since <= _moment(row.get("at")) <= now
    }
    fine = [row for row in own.values() if not row.get("error")]
    champion_ms, challenger_ms = (_slow(_numbers(fine, name)) for name in ("champion_ms", "challenger_ms"))
    changed, agreement, shift = (_mean(_numbers(fine, name)) for name in ("changed", "rank_agreement", "score_shift"))
    return ShadowFacts(len(own), len(own) - len(fine), champion_ms, challenger_ms, changed, agreement, shift)


def _moment(at: Any) -> datetime:
    """The moment of a row; one without a readable moment is of no trial."""
    try:
        moment = datetime.fromtimestamp(at, UTC) if isinstance(at, int | float) else datetime.fromisoformat(at)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (TypeError, ValueError, OverflowError):
        return datetime.min.replace(tzinfo=UTC)


def _numbers(rows: list[Mapping[str, Any]], name: str) -> Float64s:
    values = [row.get(name) for row in rows]
    return np.array([float(value) for value in values if isinstance(value, int | float)], dtype=np.float64)


def _slow(values: Float64s) -> float:
    return float(np.quantile(values, SLOW)) if len(values) else float("nan")


def _mean(values: Float64s) -> float:
    return float(values.mean()) if len(values) else float("nan")
