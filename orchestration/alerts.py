"""What somebody has to look at: `alerts.jsonl` in the home, a line each, for whatever wakes people up where you are."""

import json

from orchestration.system import Installation


def alert(at: Installation, **told: str | None) -> None:
    """Write an alert down."""
    at.settings.home.mkdir(parents=True, exist_ok=True)
    with (at.settings.home / "alerts.jsonl").open("a") as alerts:
        alerts.write(json.dumps({"at": at.now().isoformat()} | told) + "\n")
