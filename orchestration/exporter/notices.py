"""Figures of what was said within a day: lines of alerts.jsonl, and what the machinery decided by itself."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

from infra.machine_decisions import Did, noted
from orchestration.exporter.families import ALERT_KINDS, DAY_ALERTS, DAY_DECISIONS
from orchestration.exporter.family import OTHER, Sample
from orchestration.system import Installation

DAY = timedelta(days=1)
NAMES_SYSTEM = ("system", "registry", "trial", "stream")  # of these keys the value is a system's name
MOST_BYTES = 1 << 20  # of the end of the file: more lines than people read in a day


def samples(installation: Installation) -> Iterator[Sample]:
    """The counts of a day, 0 where nothing was said, so that the first line is seen as a change."""
    since = installation.now() - DAY
    alerts = Counter(_kind(line) for line in _alerts(installation) if _moment(line, since) > since)
    for kind in (*ALERT_KINDS, OTHER):
        yield Sample(DAY_ALERTS, float(alerts[kind]), (kind,))
    decisions = Counter(d.did for d in noted(installation.settings.part, newest=1000) if d.at > since)
    for did in get_args(Did):
        yield Sample(DAY_DECISIONS, float(decisions[did]), (did,))


def _alerts(installation: Installation) -> Iterator[dict[str, Any]]:
    """The newest alerts of an installation that are not said to be another system's."""
    own = installation.system.name
    for line in _tail(installation):
        try:
            alert = json.loads(line)
        except ValueError:  # cut short by a crash, or by where reading began
            continue
        if isinstance(alert, dict) and _about(alert, own) == own:
            yield alert


def _tail(installation: Installation) -> list[bytes]:
    try:
        with (installation.settings.home / "alerts.jsonl").open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - MOST_BYTES))
            return file.read().splitlines()
    except FileNotFoundError:
        return []


def _about(alert: dict[str, Any], otherwise: str) -> str:
    """The system that an alert names, if it names one."""
    return str(next((alert[name] for name in NAMES_SYSTEM if name in alert), otherwise))


def _kind(alert: dict[str, Any]) -> str:
    """What an alert is about: the first of its keys that is a known kind, as in the list."""
    return next((kind for kind in ALERT_KINDS if kind in alert), OTHER)


def _moment(alert: dict[str, Any], otherwise: datetime) -> datetime:
    """When it was written; a moment without a zone is one of UTC."""
    try:
        moment = datetime.fromisoformat(str(alert.get("at")))
    except ValueError:
        return otherwise
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
