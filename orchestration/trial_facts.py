"""The facts of a trial, read from the tables, the shadow log and the review queue of an installation."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import pyarrow.dataset as ds

from infra.lake import days_from
from monitoring.trial import TrialFacts, TrialRules, count, shadow_facts
from orchestration.system import Installation
from serving.deciding import ReviewQueue
from training.registry import Trial
from validation.contract import Table

SHADOW = "shadow"


def facts_of(installation: Installation, rules: TrialRules, trial: Trial, now: datetime) -> TrialFacts:
    """What is known now about the release on trial. In shadow nobody gets its answers, and no table is read."""
    rows = logged_in_shadow(installation.settings.serving / SHADOW, trial.entered)
    shadow = shadow_facts(rows, trial.version, trial.entered, now)
    if not trial.share:
        return TrialFacts(trial.version, 0, trial.entered, trial.since, shadow=shadow)
    table = installation.tables[installation.system.task.decisions]
    log = _log(installation, rules, table, trial, now)
    tables = {tally.by for measure, _ in rules.measures for tally in (measure.above, measure.below) if tally.by}
    followed = {name: _followed(installation, rules, name, log, trial, now) for name in sorted(tables)}
    counted = count(
        log, followed, rules, table, releases=(trial.version, installation.registry.live()), entered=trial.entered,
        since=min(trial.since + rules.settling, now), now=now,
    )  # fmt: skip
    return TrialFacts(
        trial.version, trial.share, trial.entered, trial.since, counted.askers, counted.contrasts, counted.changed,
        counted.left_out, _levels(installation, rules, now), shadow,
    )  # fmt: skip


def logged_in_shadow(folder: Path, since: datetime) -> Iterator[dict[str, Any]]:
    """The rows of the shadow log in files changed since a moment. A line that cannot be read is left out."""
    for path in sorted(folder.glob("*.jsonl*")) if folder.is_dir() else ():
        try:
            if path.stat().st_mtime < since.timestamp() and path.suffix == ".jsonl":
                continue
            with path.open("rb") as lines:
                yield from _readable(lines)
        except FileNotFoundError:  # handed over, or removed, meanwhile
            continue


def _readable(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    decoder = msgspec.json.Decoder(dict[str, Any])
    for line in lines:
        with suppress(msgspec.MsgspecError):
            yield decoder.decode(line)


def _log(installation: Installation, rules: TrialRules, table: Table, trial: Trial, now: datetime) -> pd.DataFrame:
    """The decisions since some time before the trial, with the columns that are looked up."""
    wanted = {condition.column for m, _ in rules.measures for t in (m.above, m.below) for condition in t.where}
    wanted |= {by for _, by in rules.measures if by} | {t.each for m, _ in rules.measures for t in (m.above, m.below)}
    wanted |= {rules.asker, rules.variant, *rules.match, *(each.by for each in rules.looked_up)}
    columns = {*table.key, table.event_time, table.received_time, *wanted}
    own = [column.name for column in table.columns if column.name in columns]
    begin = trial.entered - rules.before
    log = _read(installation, table, own, begin, now)
    for each in rules.looked_up:
        log = log.join(_described(installation, each.table, each.by, each.column), on=each.by)
    return log


def _followed(
    installation: Installation, rules: TrialRules, name: str, log: pd.DataFrame, trial: Trial, now: datetime
) -> pd.DataFrame:
    """The rows of a table that followed decisions of the log."""
    table = installation.tables[name]
    wanted = {
        condition.column for m, _ in rules.measures for t in (m.above, m.below) if t.by == name
        for condition in t.followed
    }  # fmt: skip
    rows = _read(installation, table, [*rules.match, table.received_time, *wanted], trial.entered - rules.before, now)
    first = rules.match[0]
    return rows[rows[first].isin(set(log[first]))]


def _read(
    installation: Installation, table: Table, columns: Sequence[str], begin: datetime, now: datetime
) -> pd.DataFrame:
    """The rows of a table that were received since a moment; a table without rows has its columns all the same."""
    days = days_from(begin.date(), now.date() + timedelta(days=1))
    rows = installation.lake.read(
        f"tables/{table.name}", days, [*dict.fromkeys(columns)], ds.field(table.event_time) >= begin, table.schema
    )
    if not rows.column_names:
        rows = table.schema.empty_table().select([*dict.fromkeys(columns)])
    frame: pd.DataFrame = rows.to_pandas()
    return frame


def _described(installation: Installation, name: str, by: str, column: str) -> "pd.Series[Any]":
    """The newest value of a column for each name."""
    table = installation.tables[name]
    rows = installation.lake.read(
        f"tables/{name}", columns=[by, column, table.event_time, table.received_time], schema=table.schema
    )
    if not rows.num_rows:
        return pd.Series(dtype=object, name=column, index=pd.Index([], name=by))
    frame = rows.to_pandas().sort_values([table.event_time, table.received_time], kind="stable")
    newest: pd.Series[Any] = frame.drop_duplicates(by, keep="last").set_index(by)[column]
    return newest


def _levels(installation: Installation, rules: TrialRules, now: datetime) -> dict[str, float]:
    """The levels that could be measured."""
    levels = {level.name: LEVELS[level.name](installation, now) for level in rules.levels if level.name in LEVELS}
    return {name: value for name, value in levels.items() if value is not None}


def _queue_age(installation: Installation, now: datetime) -> float | None:
    """Hours that the oldest open case has waited; None where there is no queue to look at."""
    path = installation.settings.serving / ReviewQueue.FILE
    if not path.exists():
        return None
    queue = ReviewQueue(path)
    try:
        _, oldest, _ = queue.facts(f"{now:%Y-%m-%d}")
    finally:
        queue.close()
    return 0.0 if oldest is None else max(0.0, (now.timestamp() - oldest) / 3600)


LEVELS = {"queue_age": _queue_age}
