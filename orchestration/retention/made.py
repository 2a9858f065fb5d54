"""What is computed from events and kept in the lake: states, snapshots, labels, training sets, and the ledger."""

from collections.abc import Callable, Iterator
from datetime import date
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from feature_repo.definition import CounterView
from feature_repo.folding import COMPLETE
from infra.lake import Lake
from orchestration.retention.dataset import (
    Dataset,
    Item,
    dropped_day,
    first_day_of,
    folders_on_disk,
    lake_days,
    oldest_row,
    rewritten,
    size_of,
)
from orchestration.system import Installation
from validation.batches import DISCARDED, LEDGER, discard, quarantine_folder, remove_day

PUBLISHED = "published_at"


def states(installation: Installation, view: CounterView) -> Dataset:
    """The published states of a view. Its newest day is emptied instead of removed: an absent view cannot be read."""
    lake, name, limit = installation.lake, f"states/{view.name}", _limit(installation, view)

    def too_old(first: date) -> Iterator[Item]:
        folders = folders_on_disk(lake.path(name))
        newest = max((day for day, _ in folders), default=None)
        for day, folder in (each for each in folders if each[0] < first):
            if day != newest:
                yield Item(day, size_of(folder), partial(_between_folds, lake, partial(lake.drop, name, day)))
            elif oldest_row(folder, PUBLISHED) is not None:
                yield Item(day, size_of(folder), partial(_between_folds, lake, partial(_emptied, lake, name, day)))

    return Dataset(name, limit, too_old, lambda _: oldest_row(lake.path(name), PUBLISHED))


def snapshots(installation: Installation) -> Dataset:
    """The days of snapshots; the newest complete one stays, whatever its age: the next fold starts there."""
    lake, views = installation.lake, installation.system.features.counter_views
    names = [COMPLETE, *(f"snapshots/{view.name}" for view in views)]  # in this order: first it is not used any more

    def too_old(first: date) -> Iterator[Item]:
        newest = max(lake.days(COMPLETE), default=None)
        for name in names:
            for day, folder in folders_on_disk(lake.path(name)):
                if day < first and day != newest:
                    yield Item(day, size_of(folder), partial(_between_folds, lake, partial(lake.drop, name, day)))

    def oldest(first: date) -> date | None:
        newest = max(lake.days(COMPLETE), default=None)
        days = [day for name in names for day, _ in folders_on_disk(lake.path(name)) if day != newest]
        return min(days, default=None)

    return Dataset("snapshots", installation.ages.snapshots, too_old, oldest)


def counted_entities(installation: Installation, view: CounterView) -> Dataset:
    """The entities in the snapshots of a view: who has done nothing for as long as states are kept is forgotten."""
    lake, name = installation.lake, f"snapshots/{view.name}"

    def too_old(first: date) -> Iterator[Item]:
        stays = pc.field(PUBLISHED) >= pa.scalar(first).cast(pa.timestamp("us", "UTC"))
        for file in lake.files(name):
            day = first_day_of(file, PUBLISHED)
            if day is not None and day < first:
                yield Item(day, file.stat().st_size, partial(_between_folds, lake, partial(rewritten, file, stays)))

    return Dataset(name, _limit(installation, view), too_old, lambda _: oldest_row(lake.path(name), PUBLISHED))


def training_sets(installation: Installation) -> Iterator[Dataset]:
    """The set to train on and the observed days. A set is read as a whole, and goes as a whole."""
    lake, limit = installation.lake, installation.ages.training_sets
    folder = lake.path("training_sets")

    def too_old(first: date) -> Iterator[Item]:
        for path in sorted(folder.glob("*")):
            days = folders_on_disk(path)
            if days and days[0][0] < first:
                name = f"training_sets/{path.name}"
                for day, day_folder in reversed(days):  # the oldest last: what is left of a set still goes next time
                    yield dropped_day(lake, name, day, day_folder)

    yield Dataset("training_sets", limit, too_old, lambda _: oldest_row(folder, ""))
    yield lake_days(lake, f"joined/{installation.system.name}", limit)
    yield lake_days(lake, "online", limit)


def refused(installation: Installation, table: str) -> Iterator[Dataset]:
    """Refused rows of a table: given up, which the ledger says, and removed with those given up before."""
    lake, limit, waiting = installation.lake, installation.ages.quarantine, quarantine_folder(table)

    def too_old(first: date) -> Iterator[Item]:
        for day, folder in folders_on_disk(lake.path(waiting)):
            if day < first:
                yield Item(day, size_of(folder), partial(_give_up, installation, table, day))

    yield Dataset(waiting, limit, too_old, lambda _: oldest_row(lake.path(waiting), "received_at"))
    yield lake_days(lake, f"{DISCARDED}/{table}", limit, "received_at")


def ledger(installation: Installation) -> Dataset:
    """The lines of batches; their sums stay."""
    lake = installation.lake

    def too_old(first: date) -> Iterator[Item]:
        for day, folder in folders_on_disk(lake.path(LEDGER)):
            if day < first:
                yield Item(day, size_of(folder), partial(remove_day, lake, day))

    return Dataset(LEDGER, installation.ages.ledger, too_old, lambda _: oldest_row(lake.path(LEDGER), "received_at"))


def _limit(installation: Installation, view: CounterView) -> int:
    return installation.ages.states_of(view, installation.system.features, installation.history_days)


def _between_folds(lake: Lake, remove: Callable[[], None]) -> None:
    with lake.locked("states"):
        remove()


def _emptied(lake: Lake, name: str, day: date) -> None:
    files = lake.files(name, [day])
    if files:
        lake.replace(name, day, pq.read_table(files[0], partitioning=None).slice(0, 0))
    else:
        lake.drop(name, day)


def _give_up(installation: Installation, table: str, day: date) -> None:
    lake, limit = installation.lake, installation.ages.quarantine
    tables = installation.tables
    discard(lake, tables[table], day, installation.now(), f"nobody mended them within {limit} days")
    lake.drop(quarantine_folder(table), day)
    lake.drop(f"{DISCARDED}/{table}", day)
