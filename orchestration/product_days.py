"""What people got on a day: the measures of the product, from the accepted rows of the day."""

from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import pandas as pd
import pyarrow.dataset as ds

from monitoring.business import DIVERSITY, RETURN, counts, value_of
from monitoring.definition import Watch
from orchestration.observed import Observed
from orchestration.system import Installation
from validation.contract import Table

LISTS = ("floats", "strings")


def business_of(installation: Installation, watch: Watch, day: date, observed: Observed | None) -> dict[str, float]:
    """Measure → its value on a day; beside those that the watch names, how many come back and how varied pages are."""
    task, tables = installation.system.task, installation.tables
    table = tables[task.decisions]
    decisions = rows_of_day(installation, table, day)
    if decisions.empty:
        return {}
    per = counts(decisions, task.cluster, task.unit, table.event_time)
    values = {}
    for measure in watch.business:
        named = measure.table or task.decisions
        rows = decisions if named == task.decisions else rows_of_day(installation, tables[named], day)
        values[measure.name] = value_of(measure, rows, per) if len(rows) or measure.table else float("nan")
    values[RETURN] = _returned(installation, table, day, decisions)
    values[DIVERSITY] = _diversity(installation, observed)
    return {name: value for name, value in values.items() if np.isfinite(value)}


def worse_below(watch: Watch) -> dict[str, bool]:
    """Measure → whether less of it is worse."""
    return {RETURN: True, DIVERSITY: True, **{measure.name: measure.falls for measure in watch.business}}


def rows_of_day(installation: Installation, table: Table, day: date) -> pd.DataFrame:
    """The accepted rows of what happened on a day, without columns of lists; received then or a day later."""
    start = datetime.combine(day, time.min, UTC)
    happened = (ds.field(table.event_time) >= start) & (ds.field(table.event_time) < start + timedelta(days=1))
    columns = [column.name for column in table.columns if column.dtype not in LISTS]
    there = [each for each in installation.lake.days(f"tables/{table.name}") if day <= each <= day + timedelta(days=1)]
    rows = installation.lake.read(f"tables/{table.name}", there, columns, happened, schema=table.schema)
    frame: pd.DataFrame = rows.to_pandas()
    return frame.drop_duplicates([*table.key]) if len(frame) else frame


def _returned(installation: Installation, table: Table, day: date, decisions: pd.DataFrame) -> float:
    """The share of those asked for the day before who came again."""
    person = installation.system.task.cluster
    before = rows_of_day(installation, table, day - timedelta(days=1))
    return float(np.isin(before[person].unique(), decisions[person].unique()).mean()) if len(before) else float("nan")


def _diversity(installation: Installation, observed: Observed | None) -> float:
    """How many different attributes, such as categories, a unit shows for each of its rows."""
    task = installation.system.task
    if observed is None or not task.attribute or task.attribute not in observed.dataset.frame:
        return float("nan")
    by_unit = observed.dataset.frame.groupby(task.unit)[task.attribute]
    return float((by_unit.nunique() / by_unit.size()).mean())
