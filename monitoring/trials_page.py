"""The tables of guardrails in docs/trials.md, written anew from the definitions.

python -m monitoring.trials_page
"""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from monitoring.trial import Guardrail, Measure, TrialRules

PAGE = Path(__file__).parents[1] / "docs" / "trials.md"
BEGIN, END = "<!-- guardrails -->\n", "<!-- end of guardrails -->"
HEAD = ("measure", "what is counted", "better", "known after", "aborts when surely worse by")


def with_tables(page: str, systems: Mapping[str, TrialRules]) -> str:
    """The page with a table for each system as its rules have it."""
    head, _, rest = page.partition(BEGIN)
    tables = "\n".join(f"**{name}**\n\n{table(rules)}" for name, rules in systems.items())
    return head + BEGIN + tables + END + rest.partition(END)[2]


def table(rules: TrialRules) -> str:
    """The goal, the guardrails and the levels of one system as a table in Markdown."""
    rows = [HEAD, ("---",) * len(HEAD), _row(rules.goal, "anything (the goal)")]
    rows += [_row(guardrail.measure, _limit(guardrail)) for guardrail in rules.guardrails]
    rows += [(f"`{x.name}`", x.meaning, "lower", "at once", f"more than {x.at_most:g}") for x in rules.levels]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _row(measure: Measure, limit: str) -> tuple[str, ...]:
    return (f"`{measure.name}`", measure.meaning, measure.better, _after(measure.known_after), limit)


def _limit(guardrail: Guardrail) -> str:
    size = f"{guardrail.at_most:.3g} of the champion's" if guardrail.relative else f"{guardrail.at_most:.3g}"
    return f"{size}, in any {guardrail.slice}" if guardrail.slice else size


def _after(time: timedelta) -> str:
    minutes = time.total_seconds() / 60
    return f"{minutes / 1440:g} days" if minutes >= 1440 else f"{minutes:g} minutes" if minutes else "at once"


if __name__ == "__main__":
    from monitoring.systems.fraud import FRAUD_TRIAL
    from monitoring.systems.home_feed import HOME_FEED_TRIAL

    PAGE.write_text(with_tables(PAGE.read_text(), {"home_feed": HOME_FEED_TRIAL, "fraud": FRAUD_TRIAL}))
