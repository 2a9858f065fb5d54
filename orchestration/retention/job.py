"""Retention: what is older than its limit is removed, and what then lies there is looked at again."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from infra import alerts
from infra.errors import DefinitionError
from infra.failpoint import reached
from orchestration.replay import newest_day
from orchestration.retention import event_rows, files, made, records, superseded
from orchestration.retention.dataset import Dataset, lake_days
from orchestration.system import Installation

if TYPE_CHECKING:
    import dagster as dg

HEAD = ("dataset", "limit", "oldest", "would go", "bytes")
DONE_HEAD = (*HEAD[:3], "removed", "bytes")


@dataclass(frozen=True, slots=True)
class Kept:
    """One dataset: its limit in days, the day of its oldest row, how many items go or went, and their bytes.

    too_old  whether something lies there that is older than the limit
    """

    name: str
    limit: int
    oldest: date | None
    gone: int
    size: int
    too_old: bool

    def row(self) -> tuple[str, ...]:
        """The cells of a line."""
        oldest = f"{self.oldest or '–'}{' (too old)' if self.too_old else ''}"
        return (self.name, f"{self.limit} days", oldest, f"{self.gone:,}", f"{self.size:,}")

    def sentence(self) -> str:
        """What is wrong, where something is too old."""
        return (
            f"{self.name}: something of {self.oldest} lies there, and {self.limit} days is its limit. "
            "`flywheel retain` removes it, or says why it cannot."
        )


def datasets(installation: Installation, runs: "dg.DagsterInstance | None" = None) -> Iterator[Dataset]:
    """Everything that gets old, in the order in which it is removed: what is made of events before the events."""
    system, lake, ages = installation.system, installation.lake, installation.ages
    yield lake_days(lake, "labels", ages.labels)
    yield from made.training_sets(installation)
    for view in system.features.counter_views:
        yield made.states(installation, view)
    yield made.snapshots(installation)
    for view in system.features.counter_views:
        yield made.counted_entities(installation, view)
    for profile in system.features.profile_views:
        yield superseded.profiles(lake, profile.name, profile.keys, ages.superseded)
    for table in system.tables:
        yield (
            superseded.descriptions(lake, table, ages.superseded)
            if table.versioned
            else event_rows.event_rows(installation, table)
        )
        yield from made.refused(installation, table.name)
    yield made.ledger(installation)
    yield from files.landed(installation)
    yield files.shadow(installation)
    yield files.traces(installation)
    yield files.reports(installation)
    yield from files.logs(installation)
    yield records.releases(installation)
    yield records.tracked_runs(installation)
    yield records.dagster_runs(installation, runs)


def retain(
    installation: Installation,
    *,
    dry_run: bool = False,
    say: Callable[[str], None] = lambda _: None,
    runs: "dg.DagsterInstance | None" = None,
) -> list[Kept]:
    """Remove what is too old, and look at what is there then; with `dry_run` only say what would go.

    `runs` are Dagster's records where Dagster runs this; else those of the home are meant.
    It may be ended at any moment and run again. Raises DefinitionError where an age is too short for what still has
    to work here, or where all events are older than theirs.
    """
    system, today = installation.system, installation.now().date()
    installation.ages.check(system.features, system.task, installation.history_days)
    _must_leave_something(installation, today)
    if not dry_run:
        files.rotate_logs(installation)
    kept = [_kept(dataset, today, dry_run, say) for dataset in datasets(installation, runs)]
    if not dry_run:
        from training.registry import purge

        purge(installation.settings)
        again = zip(kept, datasets(installation, runs), strict=True)
        kept = [_looked_at(each, dataset, today) for each, dataset in again]
    return kept


def too_old(installation: Installation, kept: list[Kept]) -> list[str]:
    """A sentence about each dataset in which something too old lies; each is an alert, too."""
    sentences = [each.sentence() for each in kept if each.too_old]
    for sentence in sentences:
        alerts.write(installation.settings.home, installation.now(), retention=sentence)
    return sentences


def _kept(dataset: Dataset, today: date, dry_run: bool, say: Callable[[str], None]) -> Kept:
    first = today - timedelta(days=dataset.limit)
    items = list(dataset.too_old(first))
    if items and not dry_run:
        say(f"{dataset.name}: {len(items):,} too old")
        for item in items:
            item.remove()
            reached("retention.removed")
    kept = Kept(dataset.name, dataset.limit, None, len(items), sum(item.size for item in items), False)
    return _looked_at(kept, dataset, today) if dry_run else kept


def _looked_at(kept: Kept, dataset: Dataset, today: date) -> Kept:
    first = today - timedelta(days=dataset.limit)
    oldest = dataset.oldest(first)
    return Kept(kept.name, kept.limit, oldest, kept.gone, kept.size, oldest is not None and oldest < first)


def _must_leave_something(installation: Installation, today: date) -> None:
    limit, newest = installation.ages.events, newest_day(installation)
    if newest is not None and (today - newest).days > limit:
        raise DefinitionError(
            f"retention as of {today}: the newest events are of {newest}, so all of them are older than {limit} days, "
            f"and nothing was removed. Run it as of their own time (`flywheel retain --as-of {newest}`); to give up "
            f"everything, remove {installation.settings.home}."
        )
