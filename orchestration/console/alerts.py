"""The newest alerts of an installation, from the end of its file."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from orchestration.console.words import read_moment

TAIL_BYTES = 256 << 10
PLAIN = ("at", "system", "registry", "owner", "runbook", "severity")


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert: when, of which system (empty: of all), what kind, and what it says."""

    at: datetime | None
    system: str
    kind: str
    says: str
    owner: str = ""
    runbook: str = ""


def newest(home: Path, system: str, most: int = 20) -> list[Alert]:
    """The newest alerts about a system or about all of them, newest first. Lines that are none are passed over."""
    try:
        with (home / "alerts.jsonl").open("rb") as file:
            length = file.seek(0, 2)
            file.seek(max(0, length - TAIL_BYTES))
            lines = file.read().split(b"\n")
    except FileNotFoundError:
        return []
    alerts = [alert for line in reversed(lines) if (alert := _alert(line)) and alert.system in {"", system}]
    return alerts[:most]


def _alert(line: bytes) -> Alert | None:
    try:
        facts = msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeError):
        return None
    kind = next((name for name in facts if name not in PLAIN), "alert")
    system = facts.get("system") or facts.get("registry") or ""
    more = "; ".join(f"{name}: {_text(value)}" for name, value in facts.items() if name not in {*PLAIN, kind})
    says = f"{_text(facts.get(kind, ''))}{f' ({more})' if more else ''}"
    return Alert(read_moment(facts.get("at")), str(system), kind, says[:600], *_who(facts))


def _who(facts: Mapping[str, Any]) -> tuple[str, str]:
    return str(facts.get("owner") or ""), str(facts.get("runbook") or "")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
