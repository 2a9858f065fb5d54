"""How many days each kind of data is kept, and the errors for an age that is shorter than what still has to work."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from feature_repo.definition import SNAPSHOTS_KEPT, WAIT_DAYS, WEEKLY_SNAPSHOTS_KEPT, CounterView, FeatureSet, seconds
from infra.errors import DefinitionError
from monitoring.definition import JOURNAL_LENGTH
from training.definition import Task
from validation.contract import unknown

HALVINGS = 3
"""A counter may lose an event that has been halved so often: it counts for an eighth then."""
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Remembered:
    """The rows of a signal: those whose `column` has one of `values`."""

    column: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ages:
    """Days from the day that something is of: the next day after them it is removed.

    landed        files in the landing's `done` and `failed`, and of the shadow log, since they were written
    quarantine    refused and discarded rows, since their arrival
    events        rows of event tables, since their receipt; of a `remembered` signal as long as its counters count
    superseded    descriptions and profiles, other than an entity's first and its newest before these days
    ledger        the lines of batches
    states        published states, since their publication; of views that are remembered longer as long as those are
    snapshots     where a fold may start; the newest always stays
    labels        label versions, since the row was shown
    training_sets the set to train on and the rows that monitoring observed, since the oldest row was shown
    releases      since they were built, unless they are live, previous, best, the challenger, or were live within the
                  last `rollback` days
    tracked_runs  runs in MLflow without a release that is kept, with their artefacts
    dagster_runs  runs in Dagster, with their events and logs
    traces        all candidates of some pages, since they were written
    reports, logs pages that people read, what processes print, alerts
    """

    landed: int = 30
    quarantine: int = 30
    events: int = 180
    superseded: int = 180
    ledger: int = 400
    states: int = 120
    snapshots: int = 60
    labels: int = 60
    training_sets: int = 60
    releases: int = 180
    rollback: int = 30
    tracked_runs: int = 180
    dagster_runs: int = 90
    traces: int = 30
    reports: int = 180
    logs: int = 30
    remembered: Mapping[str, Remembered] = field(default_factory=dict)

    def states_of(self, view: CounterView, features: FeatureSet, history_days: int) -> int:
        """How many days the states of a view are kept: a row of the history opens states as old as the view's own."""
        return max(self.states, math.ceil(features.retention(view) / DAY) + history_days)

    def of_signal(self, name: str, features: FeatureSet) -> int:
        """How many days the rows of a remembered signal are kept."""
        views = [view for view in features.counter_views if name in view.counts]
        return max([self.events, *(math.ceil(features.retention(view) / DAY) for view in views)])

    def with_history(self, features: FeatureSet, task: Task, history_days: int) -> "Ages":
        """The same where a model learns from no more days than the task says; else long enough for these days."""
        if history_days <= task.history_days:
            return self
        learned, opened = _needed(features, task, history_days)
        names = ("events", "superseded", "labels", "training_sets", "ledger")
        longer = {name: max(getattr(self, name), learned) for name in names}
        return replace(self, states=max(self.states, opened), **longer)

    def check(self, features: FeatureSet, task: Task, history_days: int) -> None:
        """Raise DefinitionError for the first age, or a history, that is shorter than what the system needs."""
        for name in self.remembered:
            if name not in {signal.name for signal in features.signals}:
                raise DefinitionError(
                    f"ages of {features.name}: remembered signal {unknown(name, [s.name for s in features.signals])}"
                )
        task.check_history(history_days)
        for mistake in _mistakes(self, features, task, history_days):
            raise DefinitionError(f"ages of {features.name}: {mistake}")


def _needed(features: FeatureSet, task: Task, history_days: int) -> tuple[int, int]:
    """For how many days a training of so many days needs rows, and states."""
    return history_days + math.ceil(task.maturity / DAY), history_days + math.ceil(features.ttl / DAY)


def _mistakes(ages: Ages, features: FeatureSet, task: Task, history_days: int) -> Iterator[str]:
    learned, opened = _needed(features, task, history_days)
    history = f"a model learns from {history_days} days, and a row is mature after {task.maturity}"
    folds = 7 * WEEKLY_SNAPSHOTS_KEPT + SNAPSHOTS_KEPT + WAIT_DAYS + 1
    needed = (
        ("events", learned, history),
        ("events", folds, "a stale day is folded again from a weekly snapshot, with the events that waited before it"),
        ("superseded", learned, history),
        ("states", opened, f"a row of {history_days} days ago opens states up to {features.ttl.days} days old"),
        ("snapshots", 7 * WEEKLY_SNAPSHOTS_KEPT + SNAPSHOTS_KEPT, "stale days are folded again from weekly snapshots"),
        ("labels", learned, history),
        ("training_sets", learned, history),
        ("ledger", ages.events, "a delivery is known to come again by its line as long as its rows are there"),
        ("releases", ages.rollback, "a release that may be rolled back to is kept"),
        ("dagster_runs", JOURNAL_LENGTH.days, "monitoring reads its evidence from Dagster's records"),
        ("landed", 1, "what was taken in today may have to be looked at"),
        ("quarantine", 1, "refused rows wait for somebody to mend them"),
        ("reports", 1, "today's are read today"),
        ("logs", 1, "today's are read today"),
        ("tracked_runs", 1, "today's are read today"),
    )
    for name, least, why in needed:
        if getattr(ages, name) < least:
            yield f"{name}={getattr(ages, name)} days is too short: {why}. Make it {least} or more."
    for view in features.counter_views:
        for signal, labels in view.counts.items():
            halved = max(map(seconds, labels)) / DAY.total_seconds()
            least = math.ceil(HALVINGS * halved)
            if ages.events < least and signal not in ages.remembered:
                yield (
                    f"events={ages.events} days is too short for `{signal}` in view {view.name}, which is halved every "
                    f"{halved:g} days: counters that are made again would lose it. Make it {least} or more, or say "
                    "which rows are kept longer (`remembered`)."
                )
