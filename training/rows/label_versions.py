"""Versions of a label: the first once the row is mature, one more whenever something that came later changes it."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from infra.errors import DefinitionError
from training.definition import Task
from training.outcomes import EARLY, SETTLED
from training.rows.attribution import AT, COUNTS_FROM, COUNTS_UNTIL, KNOWN_AT
from training.rows.label_values import COUNTED, counting, first_known, label, says, settled_since
from training.rows.split import cuts
from validation.contract import Table

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

IN_TIME, MATURE_AT, MOMENTS, VERSIONS = "__in_time", "__mature_at", "__moments", "__versions"  # of no table
VERSION, SINCE = "label_version", "label_known_at"
TARGET_AT = "target_known_at:"  # before the name of a target: when it was first known to have happened


def with_versions(
    rows: "DataFrame",
    pairs: "DataFrame",
    table: Table,
    task: Task,
    from_outcomes: tuple[str, ...],
    as_of: datetime,
) -> "DataFrame":
    """The rows that are mature `as_of` then, one for each version of their label, with the columns of the version.

    pairs  what `attributed` returns      from_outcomes  the columns taken from outcomes
    A row that was settled is mature since then. It has a further version once it would have been mature without that.
    """
    from pyspark.sql import functions as sf

    by_row = pairs.groupBy(*table.key).agg(sf.collect_list(_counted(task, from_outcomes)).alias(COUNTED))
    in_time = sf.greatest(sf.col(table.event_time) + sf.lit(task.maturity), sf.col(table.received_time))
    known = sf.col(MATURE_AT) <= sf.lit(as_of)
    rows_in_time = rows.withColumn(IN_TIME, in_time)
    if task.settling:
        every = rows_in_time.join(by_row, [*table.key], "left")
        every = every.withColumn(MATURE_AT, sf.least(IN_TIME, settled_since(task.settling))).where(known)
    else:
        mature = rows_in_time.withColumn(MATURE_AT, sf.col(IN_TIME)).where(known)
        every = mature.join(by_row, [*table.key], "left")
    every = every.withColumn(MOMENTS, _moments(task, as_of))
    every = every.withColumn(VERSIONS, sf.transform(MOMENTS, lambda at: _version(at, task, from_outcomes)))
    changes = sf.filter(VERSIONS, lambda version, i: (i == 0) | ~_same(version, sf.get(VERSIONS, i - 1)))
    each = sf.posexplode(VERSIONS).alias(VERSION, "__version")
    exploded = every.withColumn(VERSIONS, changes).select(*rows.columns, each)
    of_label = (*(o.name for o in task.outcomes), *settled_columns(task), *_renamed(from_outcomes))
    labels = {name: sf.col(f"__version.label.{name}") for name in of_label}
    times = {name: sf.col(f"__version.`{name}`") for name in (SINCE, KNOWN_AT, *_first_known(task))}
    return exploded.withColumns({VERSION: sf.col(VERSION) + 1, **labels, **times}).drop("__version")


def settled_columns(task: Task) -> tuple[str, ...]:
    """The columns that labels have where something settles."""
    return (EARLY, SETTLED) if any(outcome.settled_by for outcome in task.outcomes) else ()


def newest(versions: pd.DataFrame) -> pd.DataFrame:
    """Of each row the newest version; versions stand in the order in which labels are built."""
    return versions[_last_of_each(_row_numbers(versions))].reset_index(drop=True)


def known_at_cuts(versions: pd.DataFrame, task: Task) -> pd.DataFrame:
    """Of each row the version known when the next part begins: tuning for rows to fit, judging for rows to tune.

    Rows to judge have their newest version. A row whose first version is younger than its cut keeps that one, and takes
    no part (see split).
    """
    first = versions[versions[VERSION] == 1]
    tune_from, judge_from = cuts(_micros(first[AT]), task.split)
    shown, since = _micros(versions[AT]), _micros(versions[SINCE])
    never = np.datetime64("9999-01-01", "us")
    until = np.where(shown < tune_from, tune_from, np.where(shown < judge_from, judge_from, never))
    usable = (since <= until) | (versions[VERSION] == 1).to_numpy()
    rows = _row_numbers(versions)[usable]
    return versions[usable][_last_of_each(rows)].reset_index(drop=True)


def _counted(task: Task, from_outcomes: tuple[str, ...]) -> "Column":
    """What an outcome adds to the row it counts for, and when."""
    from pyspark.sql import functions as sf

    added = []
    for outcome in task.outcomes:
        in_time = sf.col("happened_at") <= sf.col("shown_at") + sf.lit(outcome.window)
        if outcome.of:
            added.append(sf.when(in_time, sf.col(f"number_{outcome.name}")).alias(outcome.name))
        else:
            added.append((sf.col(f"flag_{outcome.name}") & in_time).alias(outcome.name))
        if outcome.settled_by:
            says = sf.when(in_time, sf.col(f"says_{outcome.name}").cast("float"))
            added.append(says.alias(f"says_{outcome.name}"))
    when = ("happened_at",) if task.numbers or settled_columns(task) else ()  # nothing else is ordered by it
    return sf.struct(COUNTS_FROM, COUNTS_UNTIL, "known_at", *when, *added, *_renamed(from_outcomes))


def _moments(task: Task, as_of: datetime) -> "Column":
    """When the label may change: at maturity, when the window closes, and whenever something comes or goes after it."""
    from pyspark.sql import functions as sf

    changes = sf.flatten(sf.transform(COUNTED, lambda pair: sf.array(pair[COUNTS_FROM], pair[COUNTS_UNTIL])))
    if task.settling:
        changes = sf.concat(sf.coalesce(changes, sf.array()), sf.array(sf.col(IN_TIME)))
    late = sf.filter(changes, lambda at: (at > sf.col(MATURE_AT)) & (at <= sf.lit(as_of)))
    every = sf.array_sort(sf.array_distinct(sf.concat(sf.array(MATURE_AT), late)))
    return sf.coalesce(every, sf.array(MATURE_AT))


def _version(at: "Column", task: Task, from_outcomes: tuple[str, ...]) -> "Column":
    """The label as it was known at a moment."""
    from pyspark.sql import functions as sf

    def latest(name: str) -> "Column":
        return sf.array_max(sf.transform(sf.filter(COUNTED, counting(at)), lambda pair: pair[name]))

    labels = [label(at, outcome).alias(outcome.name) for outcome in task.outcomes]
    if settled_columns(task):
        of_target = next(outcome for outcome in task.outcomes if outcome.name == task.target)
        settled = says(at, of_target).isNotNull() if of_target.settled_by else sf.lit(False)
        labels += [(at < sf.col(IN_TIME)).alias(EARLY), settled.alias(SETTLED)]
    values = sf.struct(*labels, *(latest(name).alias(name) for name in _renamed(from_outcomes)))
    targets = (outcome for outcome in task.outcomes if outcome.name in task.targets)
    firsts = {o.name: first_known(at, o).alias(TARGET_AT + o.name) for o in targets}
    known = [firsts[name] for name in task.targets]
    return sf.struct(at.alias(SINCE), values.alias("label"), latest("known_at").alias(KNOWN_AT), *known)


def _same(version: "Column", before: "Column") -> "Column":
    return version["label"].eqNullSafe(before["label"])


def _renamed(from_outcomes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"from_outcome_{name}" for name in from_outcomes)


def _first_known(task: Task) -> tuple[str, ...]:
    return tuple(TARGET_AT + name for name in task.targets)


def _row_numbers(versions: pd.DataFrame) -> "np.ndarray[Any, np.dtype[np.int64]]":
    """(versions,) the number of the row each version is of."""
    if VERSION not in versions.columns or versions[VERSION].isna().any():
        raise DefinitionError("labels: they have no versions, an older checkout built them. Run `flywheel run train`.")
    return np.cumsum(versions[VERSION].to_numpy() == 1)


def _last_of_each(rows: "np.ndarray[Any, np.dtype[np.int64]]") -> "np.ndarray[Any, np.dtype[np.bool_]]":
    return np.append(rows[1:] != rows[:-1], True) if len(rows) else np.zeros(0, dtype=bool)


def _micros(column: "pd.Series[Any]") -> "np.ndarray[Any, np.dtype[np.datetime64]]":
    return np.asarray(column.dt.tz_convert("UTC").dt.tz_localize(None), dtype="datetime64[us]")
