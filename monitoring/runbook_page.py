"""The runbook: every alarm of monitoring with its owner and what to do first, generated from the definitions.

python -m monitoring.runbook_page > docs/runbook.md
"""

from infra.alert_rules import RunbookRow, runbook_rows
from monitoring.alarms import ALARMS, OWNERS, Alarm
from validation.verdict import markdown

INTRODUCTION = """# Runbook

Generated from the definitions by `python -m monitoring.runbook_page > docs/runbook.md`; a test compares the two.

Each alarm of the daily monitoring is a line of `alerts.jsonl` and an entry of `watch.json` among the reports of the
system, with its owner and the first step. [monitoring.md](monitoring.md) says how each is measured, and
[alarms.py](../monitoring/alarms.py) is where they are written.
"""

OF_PROMETHEUS = """## Alerts of Prometheus

Told at once by the rules of [objectives.yaml](../infra/objectives.yaml) and [alerts.yaml](../infra/alerts.yaml): a
`page` wakes somebody, a `ticket` waits for the next working day. [prometheus.md](prometheus.md) lists the metrics.
"""


def page() -> str:
    """The page as Markdown."""
    owners = markdown(("owner", "who that is"), list(OWNERS.items()))
    overview = markdown(("alarm", "asks", "owner"), [(f"[{a.name}](#{a.name})", a.asks, a.owner) for a in ALARMS])
    entries = [*(_entry(alarm) for alarm in ALARMS), OF_PROMETHEUS, *(_alert(row) for row in runbook_rows())]
    return "\n".join([INTRODUCTION, f"{owners}\n", f"{overview}\n", *entries])


def _entry(alarm: Alarm) -> str:
    lines = (
        f"### {alarm.name}", f"**Asks:** {alarm.asks}", f"**Fires when** {alarm.fires}.",
        f"**Owner:** {alarm.owner}", f"**First:** {alarm.runbook}.",
    )  # fmt: skip
    return "\n\n".join(lines) + "\n"


def _alert(row: RunbookRow) -> str:
    lines = (
        f"### {row.alert}", f"**Says:** {row.summary}", f"**Owner:** {row.owner}, by {row.severity}",
        f"**First:** {row.action}",
    )  # fmt: skip
    return "\n\n".join(lines) + "\n"


if __name__ == "__main__":
    print(page(), end="")
