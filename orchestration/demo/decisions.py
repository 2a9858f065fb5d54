"""`flywheel demo --system NAME`: the story of a system that decides single cases, from any source that knows the truth.

Events, validated → features → contenders in one report → gates, release → three decisions → what was true → the world
changes → rollback. A source says what is particular to its system; the story says the rest.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import dagster as dg

from infra.patience import Patience
from infra.redis_server import running as redis_running
from orchestration import client
from orchestration.demo import scenes
from orchestration.demo.judged import JudgedCases, judged_cases
from orchestration.demo.origins import end_of
from orchestration.demo.steps import moved, retrained, roll_back, run_job
from orchestration.demo_console import DemoConsole
from orchestration.partitions import waiting
from orchestration.sources.kit import DeliveredRows
from orchestration.system import Installation, System
from serving.launch import started


@dataclass(frozen=True, slots=True)
class Shown:
    """A table to print."""

    title: str
    head: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


class Cases(Protocol):
    """A source of cases to decide, and of the truth behind them."""

    @property
    def first(self) -> date:
        """The first day with events, UTC."""

    @property
    def last(self) -> date:
        """The last day of the history, UTC."""

    @property
    def drifted(self) -> tuple[date, date]:
        """The first and the last of the days after it, on which something has changed."""

    @property
    def changes(self) -> str:
        """What has changed on them, in a few words."""

    @property
    def measures(self) -> tuple[str, ...]:
        """The measures by which contenders are shown beside each other."""

    def system(self) -> System:
        """The system, as this source is judged."""

    def deliver(self, landing: Path) -> Mapping[str, DeliveredRows]:
        """Write the history into the landing."""

    def deliver_drifted(self, landing: Path) -> Mapping[str, DeliveredRows]:
        """Write the days after it into the landing."""

    def requests(self, judged: JudgedCases) -> Sequence[tuple[str, Mapping[str, Any]]]:
        """Three cases to decide: what is true of each, in a few words, and the request."""

    def decided(self, answer: Mapping[str, Any]) -> str:
        """A decision in a few words."""

    def truth(self, judged: JudgedCases) -> Shown:
        """What was true of the judged cases, against what the release says of them."""


@dataclass
class DecisionStory:
    """One telling; processes end with `life`."""

    stage: DemoConsole
    installation: Installation
    source: Cases
    life: ExitStack
    learned: dict[str, Any] = field(default_factory=dict)

    def tell(self) -> None:
        """All scenes, in order."""
        self.stage.chapter("Events in")
        self.events_in()
        self.stage.chapter("Features and a model")
        self.model()
        self.stage.chapter("Decisions, and what was true")
        judged = judged_cases(self.installation)
        self.decisions(judged)
        self.truth(judged)
        self.stage.chapter("The world changes")
        self.drift()
        self.rollback()

    def events_in(self) -> None:
        """Delivered, validated, counted."""
        with self.stage.step("events are delivered to the landing") as line:
            delivered = self.source.deliver(self.installation.settings.landing)
            line.says = ", ".join(f"{name} {rows.received:,}" for name, rows in delivered.items())
        settings = self.installation.settings
        patience, old = Patience.of(settings), settings.redis_accept_old
        with self.stage.step("Redis starts"):
            self.life.enter_context(redis_running(settings.redis_url, settings.home / "redis", old, patience=patience))
        days = waiting(self.installation)  # what has no day in its name, as a history, waits for today
        self.run("ingest", "every batch is validated, the ledger balances", min(days), max(days))
        self.learned["ledger"] = scenes.ledger(self.stage, self.installation)

    def model(self) -> None:
        """Features, contenders in one report, gates, release."""
        first, last = self.source.first, self.source.last
        self.run("features", "Spark publishes states, Feast takes them online", first, last)
        trained = self.run("train", "contenders learn from what was known then", last, last, may_be_refused=True)
        about = scenes.run_metadata(trained, "ranker")
        metrics = about["metrics"]
        self.learned["metrics"] = metrics
        self.stage.grid("Contenders on the judge rows (95 % intervals)", *contenders(metrics, self.source.measures))
        drawn = [Path(value) for value in about.values() if isinstance(value, str) and value.endswith(".png")]
        if drawn:
            self.stage.say(f"{', '.join(sorted(path.stem for path in drawn))} are drawn in {drawn[0].parent}")
        self.run("release", "gates, registry: what is proven goes live", last, last, may_be_refused=True)
        self.learned["gates"] = scenes.verdict(self.stage, self.installation)

    def decisions(self, judged: JudgedCases) -> None:
        """Three cases, decided by the service where the system has one."""
        if self.installation.system.policy is None:
            return
        settings = self.installation.settings
        with self.stage.step("the service starts") as line:
            line.says = self.life.enter_context(started(settings)).address
        rows = []
        for what, request in self.source.requests(judged):
            answer = client.post(settings, "operate", "/v1/decide", request)
            rows.append((what, self.source.decided(answer), ", ".join(answer.get("reasons", ()))))
        self.learned["decisions"] = rows
        self.stage.grid("Three decisions", ("what is true", "what the service says", "reasons"), rows)

    def truth(self, judged: JudgedCases) -> None:
        """What the source knows and no table holds."""
        shown = self.source.truth(judged)
        self.learned["truth"] = [*shown.rows]
        self.stage.grid(shown.title, shown.head, shown.rows)

    def drift(self) -> None:
        """Steady days ask for nothing; changed ones do, and what retrains passes the same gates."""
        last, (first, until) = self.source.last, self.source.drifted
        self.run("monitor", "the last two days are steady", last - timedelta(days=1), last)
        steady, cursor = scenes.requested_retrainings(self.installation, None)
        with self.stage.step(f"{self.source.changes}") as line:
            self.source.deliver_drifted(self.installation.settings.landing)
            line.says = f"{first} to {until}"
        self.run("features", "the new days are ingested and become features", first, until, at=self.later)
        self.run("monitor", "they are compared with what the release knew", first, until, at=self.later)
        asked, _ = scenes.requested_retrainings(self.later, cursor)
        self.stage.say(f"retrainings the sensor asked for: {len(steady)} while steady, {len(asked)} after the change")
        self.learned["drift"] = {"retrainings_while_steady": len(steady), "retrainings_after_drift": len(asked)}
        if asked:
            result = self.run(
                "retrain", "it retrains through the same gates", until, until, at=self.later, may_be_refused=True
            )
            retrained(self.stage, self.later, success=result.success)

    def rollback(self) -> None:
        """Back to the release before, where there is one."""
        roll_back(self.stage, self.later, self.learned)

    @cached_property
    def later(self) -> Installation:
        """The same installation after the changed days."""
        return moved(self.installation, end_of(self.source.drifted[1]))

    def run(
        self, job: str, title: str, first: date, last: date, *, may_be_refused: bool = False,
        at: Installation | None = None,
    ) -> dg.ExecuteInProcessResult:  # fmt: skip
        """Run a Dagster job as one step; raises FlywheelError when it fails, but not on a refusal that is allowed."""
        installation = at or self.installation
        return run_job(self.stage, installation, job, title, (first, last), may_be_refused=may_be_refused)


def end_of_history(cases: Cases) -> datetime:
    """The moment after the last day of a source's history."""
    return end_of(cases.last)


def contenders(
    metrics: Mapping[str, Mapping[str, Any]], names: Sequence[str]
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """The head and the lines of a table: a line a contender, each measure with its interval."""
    there = [name for name in names if any(name in measured for measured in metrics.values())]
    lines = [(contender, *(_interval(measured, name) for name in there)) for contender, measured in metrics.items()]
    return ("contender", *(name.replace("_", " ") for name in there)), lines


def _interval(measured: Mapping[str, Any], name: str) -> str:
    value, low, high = (measured.get(name + end) for end in ("", "_low", "_high"))
    if value is None:
        return "–"
    return f"{value:.3f}" if low is None or high is None else f"{value:.3f} [{low:.3f}, {high:.3f}]"
