"""The line of an erasure in the audit, as Dagster's metadata."""

from collections.abc import Mapping
from typing import Any

import msgspec


def facts_of(line: Mapping[str, Any]) -> dict[str, Any]:
    """What was removed, from whose requests, and which releases have to be replaced; it names nobody."""
    plain = msgspec.to_builtins(line)
    return {
        "people": len(plain["people"]),
        "requests": plain["people"],
        **{n: plain[n] for n in ("removed", "retrain")},
    }
