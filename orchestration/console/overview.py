"""The overview: what is live for which share, how it answers, how fresh it is, what the machinery did."""

import time
from dataclasses import dataclass
from datetime import date
from typing import Any

from infra.machine_decisions import MachineDecision, noted
from orchestration.console import alerts, reports, service, trials
from orchestration.console.charts import share_bar
from orchestration.console.rooms import Room
from orchestration.console.standing import NAMES, standing
from orchestration.drill import drill_age
from orchestration.system import Installation

FRESH_DAYS, FRESH_STATES_S, DRILL_S = 2, 60.0, 8 * 86_400.0  # a drill is done every week


@dataclass(frozen=True, slots=True)
class Age:
    """How old something is, and from when on that is too old."""

    name: str
    what: str
    seconds: float | None
    too_old_s: float

    @property
    def fine(self) -> bool | None:
        """Whether it is fresh; None where its age is not known."""
        return None if self.seconds is None else self.seconds <= self.too_old_s


async def overview(room: Room) -> dict[str, Any]:
    """What the page shows."""
    seen = await room.look_at_all(
        standing=standing,
        trial=trials.trial,
        report=trials.report,
        service=lambda at: service.figures(at.settings),
        files=ages,
        decisions=lambda at: newest_decisions(at, 6),
        alerts=lambda at: alerts.newest(at.settings.home, at.system.name, 6),
        watch=lambda at: reports.watched(at.settings),
    )
    live = seen["standing"].value
    return {
        **seen, "bar": share_bar(live.parts) if live else "", "variants": NAMES, "order": trials.ORDER,
        "next_stage": trials.next_stage,
        "interval_words": trials.interval_words, "ages": _all_ages(seen),
    }  # fmt: skip


def newest_decisions(installation: Installation, most: int) -> list[MachineDecision]:
    """The newest decisions of the machinery, newest first."""
    return noted(installation.settings.part, most)[::-1]


def ages(installation: Installation) -> list[Age]:
    """How old the files are that everything else is made from."""
    now, lake = installation.now(), installation.lake
    ages_known = []
    for name, what, table in (
        ("events", "newest day of what people did", f"tables/{installation.system.task.outcomes_in}"),
        ("training set", "newest day that models learn from", f"training_sets/{installation.system.name}"),
    ):
        days: list[date] = [day for day in lake.days(table) if day.year < 9999]
        ages_known.append(
            Age(name, what, None if not days else (now.date() - max(days)).days * 86_400.0, FRESH_DAYS * 86_400)
        )
    stream = installation.settings.stream
    moments = [path.stat().st_mtime for path in stream.rglob("*") if path.is_file()] if stream.exists() else []
    ages_known.append(
        Age("stream", "since the stream last counted", time.time() - max(moments) if moments else None, 600.0)
    )
    drilled = drill_age(installation)
    ages_known.append(
        Age(
            "rollback drill",
            "since a rollback was last tried",
            None if drilled is None else drilled.total_seconds(),
            DRILL_S,
        )
    )
    return ages_known


def _all_ages(seen: dict[str, Any]) -> list[Age]:
    ages_known = list(seen["files"].value or [])
    if (figures := seen["service"].value) is not None:
        ages_known.insert(
            0, Age("states served", "since the service held all that Redis has", figures.states_age_s, FRESH_STATES_S)
        )
    if (watch := seen["watch"].value) is not None and watch.model_age_days is not None:
        ages_known.append(
            Age("model", "since the live release was trained", watch.model_age_days * 86_400, 7 * 86_400.0)
        )
    return ages_known
