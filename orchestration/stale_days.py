"""Stale days: published before something arrived that counts on them. What is said of them, and what is made again."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import msgspec

from feature_repo.folding import Parts, PublishedDays, Snapshots, parts_of, published_profiles
from infra.atomic import atomic_write
from infra.lake import days_from
from orchestration.naming import beside
from orchestration.partitions import span
from orchestration.system import Installation

if TYPE_CHECKING:
    import dagster as dg

TRAINED = LABELS, TRAINING_SET = ("labels", "training_set")
ONLINE = "online"
"""The file, beside the records of published days, that says which version of each day was brought online."""


def nothing_published(installation: Installation) -> bool:
    """Whether no state was ever published here."""
    return not PublishedDays(installation.lake, "states", counted="").records()


@dataclass(frozen=True, slots=True)
class StaleDays:
    """The closed days whose states or profiles would be others now, in order.

    key      another one when more has changed
    trained  what training made last of such days: the names of assets
    """

    days: tuple[date, ...]
    key: str
    trained: tuple[str, ...] = ()

    def __str__(self) -> str:
        span = f"{self.days[0]} to {self.days[-1]}" if self.days[1:] else f"{self.days[0]}"
        then = f"`flywheel run features --day {self.days[0]}`, or the next run of features or daily, makes them again"
        trained = f"; stale, too: {', '.join(self.trained)} (`flywheel run train`)" if self.trained else ""
        return f"stale: {len(self.days)} published days, {span}, would be others now: {then}{trained}"


def stale_days(installation: Installation) -> StaleDays | None:
    """The stale days that are over; None where there is none. A day that lasts is published again in any case."""
    snapshots, described = Snapshots(installation.lake, installation.system.features), _described(installation)
    counted, states, profiles = snapshots.parts(), snapshots.published, published_profiles(installation.lake)
    stale = (states.closed() & set(states.stale(counted))) | (profiles.closed() & set(profiles.stale(described)))
    if not stale:
        return None
    key = hashlib.sha256("\n".join(sorted({*counted, *described})).encode()).hexdigest()[:24]
    return StaleDays(tuple(sorted(stale)), key, tuple(_stale_trained(installation)))


def learned_from(installation: Installation) -> Parts:
    """The files of all that labels and training rows are made of."""
    features, task = installation.system.features, installation.system.task
    tables = (task.decisions, *task.outcome_tables, *(look.table for look in features.lookups))
    counted = Snapshots(installation.lake, features).parts()
    return {**parts_of(installation.lake, tables), **counted, **_described(installation)}


def note_trained(installation: Installation, asset: str, day: date, parts: Parts) -> None:
    """Write down that an asset of training was made as of a day, from these files."""
    PublishedDays(installation.lake, asset, counted="").done([day], parts, installation.now())


def _stale_trained(installation: Installation) -> Iterator[str]:
    """The assets of training that were made last of something else than what is there now."""
    parts = learned_from(installation)
    for asset in TRAINED:
        days_made = PublishedDays(installation.lake, asset, counted="")
        if any(days_made.is_stale(day, parts) for day in list(days_made.records())[-1:]):
            yield asset


def stale_profiles(installation: Installation) -> list[date]:
    """The days whose profiles would be others now, in order."""
    return published_profiles(installation.lake).stale(_described(installation))


def days_to_bring_online(installation: Installation, first: date, last: date) -> list[date]:
    """The days from `first` to `last`, and as many before and after as were published again since they came online."""
    published, brought = _published(installation), _brought(installation)
    again = [day for day, version in brought.items() if published.get(day, version) != version]
    return days_from(min([first, *again]), max([last, *again]))


def note_brought_online(installation: Installation, days: Iterable[date]) -> None:
    """Write down that these days are online as they are published now."""
    published = _published(installation)
    versions = _brought(installation) | {day: published[day] for day in days if day in published}
    with atomic_write(installation.lake.root / "published" / f"{ONLINE}.json") as draft:
        draft.write_bytes(msgspec.json.encode(versions))


def note_also_made(context: "dg.AssetExecutionContext", asset: str, days: Iterable[date]) -> None:
    """Record days of an asset as made that its run was not asked for, because they were stale."""
    import dagster as dg

    first, last = span(context)
    for day in (day for day in days if not first <= day <= last):
        why = {"why": f"stale: made again in the run of {first} to {last}"}
        event = dg.AssetMaterialization(beside(context.asset_key, asset), partition=f"{day}", metadata=why)
        context.instance.report_runless_asset_event(event)


def _described(installation: Installation) -> Parts:
    """The files of all that profiles are made of."""
    return parts_of(installation.lake, [view.table for view in installation.system.features.profile_views])


def _published(installation: Installation) -> dict[date, str]:
    """The version of each day's states and profiles."""
    states = Snapshots(installation.lake, installation.system.features).published.records()
    profiles = published_profiles(installation.lake).records()
    return {day: f"{record.version} {profiles[day].version if day in profiles else ''}"
            for day, record in states.items()}  # fmt: skip


def _brought(installation: Installation) -> dict[date, str]:
    path = installation.lake.root / "published" / f"{ONLINE}.json"
    return msgspec.json.decode(path.read_bytes(), type=dict[date, str]) if path.exists() else {}
