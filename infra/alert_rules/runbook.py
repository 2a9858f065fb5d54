"""What a person does about each alert, read from the rules themselves."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILES = ("objectives.yaml", "alerts.yaml")
INFRA = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class RunbookRow:
    """One alert: who looks at it and how soon, what is wrong, and what to do.

    severity  `page`: somebody is woken; `ticket`: on the next working day
    """

    alert: str
    owner: str
    severity: str
    summary: str
    action: str


def runbook_rows() -> list[RunbookRow]:
    """A row for each alert of Prometheus, in the order of the files."""
    return [_row(rule) for rule in rules() if "alert" in rule]


def rules() -> Iterator[dict[str, Any]]:
    """Every rule as its file has it: alerts and recorded series."""
    import yaml

    for name in FILES:
        for group in yaml.safe_load((INFRA / name).read_text())["groups"]:
            yield from group["rules"]


def _row(rule: dict[str, Any]) -> RunbookRow:
    says = rule["annotations"]
    return RunbookRow(rule["alert"], says["owner"], rule["labels"]["severity"], says["summary"], says["action"])
