"""Labels: what followed each shown row, once its window has closed."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import reduce
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from feature_repo.columns_read import words
from feature_repo.definition import FeatureSet
from feature_repo.folding import read_accepted_rows, without_repeats
from infra.errors import DefinitionError
from infra.lake import Lake
from training.definition import Task
from training.rows.attribution import (
    AT,
    COUNTS_FROM,
    COUNTS_UNTIL,
    KNOWN_AT,
    KNOWN_AT_PREFIX,
    LARGEST,
    attributed,
    attributions,
    descriptions,
    outcome_rows,
    with_lookup,
)
from training.rows.explained import explained
from training.rows.label_versions import SINCE, TARGET_AT, VERSION, newest, settled_columns, with_versions
from training.rows.recent import with_recent
from validation.contract import Table, unknown

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import Column, DataFrame, SparkSession

GAIN, FITS, JUDGED, WEIGHT = "gain", "fits", "judged", "weight"


def build_labels(
    spark: "SparkSession",
    lake: Lake,
    task: Task,
    features: FeatureSet,
    tables: Mapping[str, Table],
    as_of: datetime,
    first: date,
    last: date,
) -> "pd.DataFrame":
    """One row for each row shown from day `first` to day `last` that is mature at `as_of`: its label as known then."""
    return newest(build_label_versions(spark, lake, task, features, tables, as_of, first, last))


def build_label_versions(
    spark: "SparkSession",
    lake: Lake,
    task: Task,
    features: FeatureSet,
    tables: Mapping[str, Table],
    as_of: datetime,
    first: date,
    last: date,
) -> "pd.DataFrame":
    """Every version of the label of each row shown from day `first` to day `last` that is mature at `as_of`.

    Columns: the key; every entity of the features (borrowed ones null where they were not known when it was shown);
    `event_timestamp`; the columns of the request that features read, and what `Recent` ones count; what `fit_where`,
    `judge_where`, `weight` and the objective read of the shown row; each outcome, 0/1 or a number; where something
    settles, whether the label is `early` and `settled`; `gain`; `weight`, where the task has one; whether the row
    `fits` and is `judged`; `outcomes_known_at`, when the last outcome counted here was received; the version's number,
    and since when it was known; of each target, when it was first known. Rows are in order of time, key and version.
    """
    from pyspark.sql import functions as sf

    table = _checked(task, features, tables)
    shown = _received(spark, lake, table, first, as_of)
    described = []
    for lookup in features.lookups:
        entities = tables[lookup.table]
        known = descriptions(_received(spark, lake, entities, None, as_of), lookup, entities)
        described.append((lookup, known))
        shown = with_lookup(shown, lookup, known, sf.col(table.event_time))
    from_outcomes = columns_from_outcomes(task, features, tables)
    pairs = []
    for part in attributions(task):
        own = tables[part.table]
        outcomes = _received(spark, lake, own, first - timedelta(days=1), as_of)  # a clock was behind at midnight
        for lookup, known in described:
            outcomes = with_lookup(outcomes, lookup, known, sf.lit(as_of))
        _must_match(task, own, outcomes)
        with explained(f"task {task.name}, outcomes in {own.name}"):
            reduced = outcome_rows(outcomes, own, task, part, from_outcomes)
            pairs.append(attributed(shown, reduced, table, task, part))
    of_days = shown.where(sf.to_date(table.event_time).between(sf.lit(first), sf.lit(last)))
    rows = with_versions(of_days, _together(pairs, table), table, task, from_outcomes, as_of)
    rows = rows.select(*_columns(task, features, table, from_outcomes))
    with explained(f"task {task.name}, fit_where, judge_where and weight"):
        graded = _graded(rows, task)
    return with_recent(_in_order(graded, table), lake, features, table, as_of)


def columns_from_outcomes(task: Task, features: FeatureSet, tables: Mapping[str, Table]) -> tuple[str, ...]:
    """Context features that are no column of shown rows but one of outcomes: the leakage gate refuses them."""
    shown = {column.name for column in tables[task.decisions].columns}
    outcomes = {column.name for name in task.outcome_tables for column in tables[name].columns}
    return tuple(name for name in _context(features) if name not in shown and name in outcomes)


def save_labels(lake: Lake, name: str, rows: "pd.DataFrame", days: Iterable[date]) -> None:
    """Write labels into the lake, one folder a day of showing, these days anew and in one step."""
    table = pa.Table.from_pandas(rows, preserve_index=False)
    shown = pc.cast(table[AT], pa.timestamp("us", tz="UTC"))

    def of(day: date) -> pa.Table:
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        after = pc.greater_equal(shown, pa.scalar(start))
        before = pc.less(shown, pa.scalar(start + timedelta(days=1)))
        return table.filter(pc.and_(after, before))

    lake.replace_days(name, ((day, of(day)) for day in days))


def _context(features: FeatureSet) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for feature in features.features for name in feature.given()))


def _roles(task: Task) -> tuple[str, ...]:
    return tuple(name for name in (task.unit, task.cluster, task.item, task.attribute) if name)


def _read(task: Task, table: Table) -> Iterator[str]:
    """The columns of shown rows that the task's SQL and its objective read; the moment stands under another name."""
    own = [column.name for column in table.columns if column.name != table.event_time]
    for sql in (task.fit_where, task.judge_where, task.weight):
        yield from words(sql, own)
    yield from (name for name in task.objective.roles.values() if name in own)


def _borrowed(features: FeatureSet, table: Table) -> tuple[str, ...]:
    own = {c.name for c in table.columns}
    return tuple(name for lookup in features.lookups if lookup.on in own for name in lookup.columns)


def _checked(task: Task, features: FeatureSet, tables: Mapping[str, Table]) -> Table:
    """The table of what is shown; raises DefinitionError where something is named that is not there."""
    task.check_tables(tables)
    for lookup in features.lookups:
        if lookup.table not in tables:
            raise DefinitionError(f"task {task.name}: table {unknown(lookup.table, tables)}")
    table = tables[task.decisions]
    columns = {*(c.name for c in table.columns), *_borrowed(features, table)}
    for name in (*features.entities, *_roles(task), *task.match, *task.exact):
        if name not in columns:
            raise DefinitionError(f"task {task.name}: rows of {table.name}: {unknown(name, columns)}")
    for outcome in task.outcomes:
        if outcome.name in columns:
            raise DefinitionError(f"task {task.name}: outcome {outcome.name} is also a column. Rename it.")
    if task.weight and WEIGHT in columns | {outcome.name for outcome in task.outcomes}:
        raise DefinitionError(f"task {task.name}: labels get a column `{WEIGHT}` by themselves. Rename the other one.")
    return table


def _must_match(task: Task, table: Table, outcomes: "DataFrame") -> None:
    for name in task.match:
        if name not in outcomes.columns:
            raise DefinitionError(
                f"task {task.name}: rows of {table.name} cannot be matched: {unknown(name, outcomes.columns)}"
            )


def _together(pairs: list["DataFrame"], table: Table) -> "DataFrame":
    """The pairs of all tables; what one of them has no column for is null."""
    if len(pairs) == 1:
        return pairs[0]
    kept = ("flag_", "number_", "says_", "from_outcome_")
    always = {*table.key, COUNTS_FROM, COUNTS_UNTIL, "known_at", "happened_at", "shown_at"}
    chosen = [part.select(*(n for n in part.columns if n in always or n.startswith(kept))) for part in pairs]
    return reduce(lambda left, right: left.unionByName(right, allowMissingColumns=True), chosen)


def _received(spark: "SparkSession", lake: Lake, table: Table, first: date | None, as_of: datetime) -> "DataFrame":
    """What had been received of a table at `as_of`, from day `first` on, each row once."""
    from pyspark.sql import functions as sf

    last = as_of.astimezone(UTC).date()
    days = [day for day in lake.days(f"tables/{table.name}") if (first or day) <= day <= last]
    rows = read_accepted_rows(spark, lake, table, days).where(sf.col(table.received_time) <= sf.lit(as_of))
    return rows if table.versioned else without_repeats(rows, table)


def _columns(task: Task, features: FeatureSet, table: Table, from_outcomes: tuple[str, ...]) -> Iterator["Column"]:
    from pyspark.sql import functions as sf

    own_columns = {c.name for c in table.columns}
    context = [name for name in _context(features) if name in own_columns]
    slices = [s.of for s in task.slices if s.of in own_columns]
    read = _read(task, table)
    keys = (*table.key, *features.entities, *_borrowed(features, table))
    for name in dict.fromkeys((*keys, *_roles(task), *context, *slices, *read)):
        yield sf.col(name)
    yield sf.col(table.event_time).alias(AT)
    for name in (*(outcome.name for outcome in task.outcomes), *settled_columns(task)):
        yield sf.col(f"`{name}`")
    for name in context:
        if table.column(name).logged:  # it was written down as the row was shown; of other columns that is not known
            yield sf.when(sf.col(name).isNotNull(), sf.col(table.event_time)).alias(KNOWN_AT_PREFIX + name)
    for name in from_outcomes:
        yield sf.col(f"from_outcome_{name}").alias(name)
        yield sf.when(sf.col(f"from_outcome_{name}").isNotNull(), sf.col(KNOWN_AT)).alias(KNOWN_AT_PREFIX + name)
    for name in (KNOWN_AT, VERSION, SINCE, *(TARGET_AT + target for target in task.targets)):
        yield sf.col(f"`{name}`")


def _graded(rows: "DataFrame", task: Task) -> "DataFrame":
    from pyspark.sql import functions as sf

    happened = {o.name: sf.col(f"`{o.name}`") > 0 for o in task.outcomes}
    gains = [sf.when(happened[o.name], sf.lit(float(o.gain))).otherwise(sf.lit(0.0)) for o in task.outcomes]
    vetoes = [happened[o.name] for o in task.outcomes if o.veto]
    vetoed = reduce(lambda left, right: left | right, vetoes, sf.lit(False))
    gain = sf.when(vetoed, sf.lit(0.0)).otherwise(sf.greatest(*gains, sf.lit(0.0))).cast("float")
    columns = {GAIN: gain}
    takes_part = sf.lit(True)
    if task.target in task.numbers:
        takes_part = sf.col(f"`{task.target}`").isNotNull()
    if task.weight:
        weight = sf.expr(task.weight).cast("double")
        columns[WEIGHT] = sf.when((weight > 0) & (weight <= LARGEST), weight).cast("float")
        takes_part &= columns[WEIGHT].isNotNull()
    for name, sql in {FITS: task.fit_where, JUDGED: task.judge_where}.items():
        columns[name] = sf.coalesce(sf.expr(sql) & takes_part, sf.lit(False))
    return rows.withColumns(columns)


def _in_order(rows: "DataFrame", table: Table) -> "pd.DataFrame":
    collected: pa.Table = rows.toArrow()
    order = pc.sort_indices(collected, [(name, "ascending") for name in (AT, *table.key, VERSION)])
    frame: pd.DataFrame = collected.take(order).to_pandas()
    return frame
