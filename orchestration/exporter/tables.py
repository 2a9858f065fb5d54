"""Figures of tables and views: how fresh each is, and what became of the rows delivered within a day."""

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta

from feature_repo.stream import online_notes, stream_folder
from orchestration.exporter.families import DAY_REFUSED, DAY_ROWS, ONLINE_AGE, ROWS, TABLE_AGE, VIEW_AGE, views
from orchestration.exporter.family import Sample
from orchestration.system import Installation
from validation.batches import Ledger, read_ledger

DAY = timedelta(days=1)
PUBLISHED = ("states", "profiles")  # where the lake has what is published of a view


def samples(installation: Installation) -> Iterator[Sample]:
    """The figures of a system's tables and views, by the installation's clock."""
    now = installation.now()
    for table in installation.tables:
        yield from _of_table(installation, table, now)
    for view in views(installation):
        days = [day for kind in PUBLISHED for day in installation.lake.days(f"{kind}/{view}")]
        if days:
            yield Sample(VIEW_AGE, _since(_end(max(days)), now), (view,))
    online = _online_until(installation)
    if online is not None:
        yield Sample(ONLINE_AGE, _since(online, now))


def _of_table(installation: Installation, table: str, now: datetime) -> Iterator[Sample]:
    newest = next(
        (moment for day in _days_back(installation) if (moment := _accepted(_lines(installation, table, day)))), None
    )
    if newest is not None:
        task = installation.system.task
        role = "events" if table in {task.decisions, *task.outcome_tables} else "described"
        yield Sample(TABLE_AGE, _since(newest, now), (table, role))
    lately = [line for line in read_ledger(installation.lake, table, since=(now - DAY).date())
              if line.kind == "ingest" and line.received_at > now - DAY]  # fmt: skip
    rows = Counter({outcome: sum(getattr(line, outcome) for line in lately) for outcome in ROWS})
    for outcome, count in rows.items():
        yield Sample(DAY_ROWS, float(count), (table, outcome))
    yield Sample(DAY_REFUSED, float(sum(line.refused for line in lately)), (table,))


def _days_back(installation: Installation) -> list[date]:
    """The days of the ledger, the newest first: one is enough where a table comes each day."""
    return installation.lake.days("ledger")[::-1]


def _lines(installation: Installation, table: str, day: date) -> list[Ledger]:
    return read_ledger(installation.lake, table, days=[day])


def _accepted(lines: list[Ledger]) -> datetime | None:
    """When rows were accepted last."""
    return max((line.received_at for line in lines if line.accepted), default=None)


def _online_until(installation: Installation) -> datetime | None:
    """Up to which moment publications are online, by the nightly work or by the stream."""
    untils = [until for until, _ in online_notes(stream_folder(installation.settings, installation.system.name))]
    with suppress(FileNotFoundError):
        notes = installation.lake.read("online")
        untils += [moment for moment in notes["until"].to_pylist() if moment] if "until" in notes.column_names else []
    return max((moment if moment.tzinfo else moment.replace(tzinfo=UTC) for moment in untils), default=None)


def _since(moment: datetime, now: datetime) -> float:
    return max(0.0, (now - moment).total_seconds())


def _end(day: date) -> datetime:
    return datetime.combine(day + DAY, time.min, UTC)
