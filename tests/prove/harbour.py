"""A harbour whose rows are delivered and published in any way: calls of ships, delays after them, descriptions.

Each row has one moment of arrival; what varies is how rows are split into deliveries, in which order those are taken
in, what is delivered again, and which days are published in which runs between them.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from feature_repo.definition import CounterView, FeatureSet, Lookup, ProfileView, Signal
from feature_repo.folding import publish_profiles, publish_states
from feature_repo.request_time import Age, Context, Count
from feature_repo.stores import open_store
from infra.lake import Lake, days_from
from infra.settings import Settings
from training.contenders import ByColumn
from training.definition import FallbackLists, Outcome, Task
from training.rows import Dataset, build_dataset, build_labels
from validation.batches import ingest
from validation.contract import Column, Table
from validation.definition import RECEIPT_TOLERANCE, BatchLimits
from validation.files import delivered_from_arrow

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

START = datetime(2026, 5, 4, tzinfo=UTC)
DAYS = days_from(START.date(), START.date() + timedelta(days=11))
AS_OF = START + timedelta(days=13)
ANY = BatchLimits(min_rows=0, max_quarantined_of_batch=1.0, max_duplicate=1.0, max_null=1.0, fresh_within=timedelta(60))
TIMES = (Column("at", "timestamp", "when"), Column("known", "timestamp", "since when"))
SHIPS = Table("ships", "a ship", "tests", ("ship",), "at", "known", (
    Column("ship", "string", "ship"), Column("flag", "string", "flag"), Column("built", "timestamp", "built"), *TIMES,
), versioned=True, limits=ANY)  # fmt: skip
CALLS = Table("calls", "a call at port", "tests", ("call",), "at", "known", (
    Column("call", "string", "call"), Column("port", "string", "port"), Column("ship", "string", "ship"),
    Column("draught", "float32", "depth", nullable=True), *TIMES,
), limits=ANY)  # fmt: skip
DELAYS = Table("delays", "a delay", "tests", ("delay",), "at", "known", (
    Column("delay", "string", "delay"), Column("call", "string", "call"), Column("hours", "float32", "hours"), *TIMES,
), limits=ANY)  # fmt: skip
TABLES = {table.name: table for table in (SHIPS, CALLS, DELAYS)}
FEATURES = FeatureSet(
    name="harbour", version=1, owner="tests", entities={"ship": "a ship", "flag": "a flag", "port": "a port"},
    lookups=(Lookup("ships", "ship", {"flag": "flag"}),),
    signals=(Signal("called", "calls", "a call was made"), Signal("deep", "calls", "its draught", "true", "draught")),
    counter_views=(
        CounterView("by_ship", ("ship",), {"called": ("1h", "7d")}, "a ship's calls"),
        CounterView("by_port_flag", ("port", "flag"), {"called": ("1d",), "deep": ("30d",)}, "a flag's calls"),
    ),
    profile_views=(
        ProfileView("ship_profile", "ships", ("ship",), {"built": ("Int64", "unix_seconds(built)")}, "a ship"),
    ),
    features=(
        Count("ship_calls", "by_ship.called_7d"), Count("flag_calls", "by_port_flag.called_1d"),
        Count("flag_depth", "by_port_flag.deep_30d"), Age("ship_age", "ship_profile.built"),
        Context("draught", neutral=5.0),
    ),
)  # fmt: skip
TASK = Task(
    name="harbour", decisions="calls", outcomes_in="delays", match=("call",), exact=(),
    outcomes=(Outcome("late", "hours > 1", "it left late", gain=1),),
    target="late", unit="port", cluster="ship", item="ship", attribute="flag",
    contenders=(ByColumn("calls", "ship_calls"),),
    fallback_lists=FallbackLists("ship", "ship_profile", "port", "built", ("built",)),
)  # fmt: skip
SHIPS_THERE, CALLS_THERE = 12, 100


@dataclass(frozen=True, slots=True)
class Arriving:
    """One row of a table as it is delivered, and when."""

    table: Table
    row: dict[str, Any]
    at: datetime

    @property
    def received(self) -> date:
        """The day of receipt that it counts for."""
        return max(self.row["known"] or self.at, self.at - RECEIPT_TOLERANCE).date()


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that is done: rows are taken in together, or days are published."""

    rows: tuple[Arriving, ...] = ()
    run: tuple[date, date] | None = None


@dataclass(frozen=True)
class Outcomes:
    """What came out: the tables' rows, the published states, and the training rows."""

    tables: dict[str, pd.DataFrame]
    states: dict[str, pd.DataFrame]
    training: Dataset


def arriving(seed: int = 0) -> list[Arriving]:
    """Twelve days: on time, hours and days late, without a receipt, or with one that nobody can believe.

    Ships are described before, hours after, or nine days after their first call; two are described anew.
    """
    random = np.random.default_rng(seed)
    rows = [_described(number, random) for number in range(SHIPS_THERE)]
    rows += [_described(number, random, days=6.3, flag="changed") for number in (0, 1)]
    for number in range(CALLS_THERE):
        at = START + timedelta(seconds=int(random.uniform(0, 10.5 * 86_400)))
        row = {"call": f"c{number}", "port": f"port {random.integers(3)}", "ship": f"s{random.integers(SHIPS_THERE)}",
               "draught": float(np.float32(random.uniform(2, 9))), "at": at}  # fmt: skip
        rows.append(_arrives(CALLS, row, at, random))
        if random.random() < 0.5:
            later = at + timedelta(seconds=int(random.uniform(60, 1500)))
            delay = {"delay": f"d{number}", "call": f"c{number}", "hours": float(random.integers(4)), "at": later}
            rows.append(_arrives(DELAYS, delay, later, random))
    return rows


def _described(number: int, random: np.random.Generator, days: float = 0.0, flag: str = "") -> Arriving:
    late = 0.0 if days else float(random.choice([0.0, 0.4, 9.2], p=[0.5, 0.3, 0.2]))
    at = START + timedelta(days=days)
    known = at + timedelta(days=late)
    row = {"ship": f"s{number}", "flag": flag or f"flag {number % 3}", "built": START - timedelta(days=400 + number),
           "at": at, "known": known}  # fmt: skip
    return Arriving(SHIPS, row, _next_delivery(known))


def _arrives(table: Table, row: dict[str, Any], at: datetime, random: np.random.Generator) -> Arriving:
    """A row that says when it was received: truly, or not at all, or at once, however long ago that was."""
    late = timedelta(hours=float(random.choice([0.1, 7.0, 30.0, 100.0], p=[0.4, 0.2, 0.1, 0.3])))
    arrival = min(_next_delivery(at + late), AS_OF - timedelta(days=1))
    said = random.choice(["truly", "nothing", "at once"], p=[0.5, 0.2, 0.3])
    known = {"truly": max(at, arrival - timedelta(hours=2)), "nothing": None, "at once": at}[str(said)]
    return Arriving(table, row | {"known": known}, arrival)


def _next_delivery(moment: datetime) -> datetime:
    """What is known at a moment is delivered at the next six in the evening."""
    today = moment.replace(hour=18, minute=0, second=0, microsecond=0)
    return today if moment <= today else today + timedelta(days=1)


def straight(rows: Sequence[Arriving]) -> list[Step]:
    """Everything is taken in as it arrives, then all days are published in one run."""
    return cut(rows)


def cut(rows: Sequence[Arriving], *ends: int) -> list[Step]:
    """Everything is taken in as it arrives, then the days are published in runs that end before these days."""
    cuts = zip([0, *ends], [*ends, len(DAYS)], strict=True)
    runs = [Step(run=(DAYS[first], DAYS[end - 1])) for first, end in cuts]
    return [*(Step(rows=one) for one in deliveries(rows)), *runs]


def varied(rows: Sequence[Arriving], seed: int) -> list[Step]:
    """The same rows split, shuffled and delivered again, and the days published in runs between the deliveries."""
    random = np.random.default_rng(seed)
    parts: dict[tuple[int, int], list[Arriving]] = defaultdict(list)
    for number, delivery in enumerate(deliveries(rows)):
        pieces = int(random.integers(1, 4))
        for place in random.permutation(len(delivery)):
            parts[number, int(random.integers(pieces))].append(delivery[place])
    steps = [Step(rows=tuple(part)) for part in parts.values()]
    for part in [step.rows for step in steps if random.random() < 0.3]:
        later = timedelta(days=int(random.integers(0, 4)))
        steps.append(Step(rows=tuple(replace(row, at=min(row.at + later, AS_OF)) for row in part)))
    cuts = sorted(random.choice(np.arange(1, len(DAYS)), size=int(random.integers(0, 3)), replace=False).tolist())
    for first, end in zip([0, *cuts], [*cuts, len(DAYS)], strict=True):
        steps.append(Step(run=(DAYS[first], DAYS[end - 1])))
    return [*(steps[place] for place in random.permutation(len(steps))), Step(run=(DAYS[-1], DAYS[-1]))]


def deliveries(rows: Sequence[Arriving]) -> list[tuple[Arriving, ...]]:
    """Rows of one table and one arrival together, in order of arrival; ships before what names them."""
    together: dict[tuple[datetime, str], list[Arriving]] = defaultdict(list)
    for row in rows:
        together[row.at, row.table.name].append(row)
    return [tuple(together[key]) for key in sorted(together, key=lambda key: (key[0], list(TABLES).index(key[1])))]


def done(spark: "SparkSession", home: Path, steps: Sequence[Step]) -> Outcomes:
    """What came out of these steps in an empty home, as of one moment after all of them."""
    settings = Settings(home=home, redis_url="unix:///nowhere")
    lake = Lake(settings.lake)
    for step in steps:
        if step.run is not None:
            publish(spark, lake, *step.run)
        else:
            take(lake, step.rows)
    labels = build_labels(spark, lake, TASK, FEATURES, TABLES, AS_OF, DAYS[0], DAYS[-1])
    training = build_dataset(labels, open_store(settings, FEATURES), FEATURES, TASK)
    tables = {name: _sorted(lake.read(f"tables/{name}"), [*table.identity]) for name, table in TABLES.items()}
    return Outcomes(tables, states(lake), training)


def publish(spark: "SparkSession", lake: Lake, first: date, last: date) -> None:
    """Publish days as a run does."""
    publish_states(spark, lake, FEATURES, TABLES, first, last)
    publish_profiles(spark, lake, FEATURES, TABLES, first, last)


def take(lake: Lake, rows: Sequence[Arriving]) -> None:
    """Take in a delivery: rows of one table that arrive at one moment."""
    table = rows[0].table
    content = pa.Table.from_pylist([row.row for row in rows], schema=_as_delivered(table))
    ingest(lake, table, delivered_from_arrow(table, content), rows[0].at, "a delivery")


def _as_delivered(table: Table) -> pa.Schema:
    """The table's columns; a row need not say when it was received."""
    return pa.schema([field.with_nullable(True) for field in table.schema])


def states(lake: Lake) -> dict[str, pd.DataFrame]:
    """The published states of each view, and the profiles."""
    tables = {view.name: _sorted(lake.read(f"states/{view.name}"), [*view.keys, "published_at"])
             for view in FEATURES.counter_views}  # fmt: skip
    for view in FEATURES.profile_views:
        tables[view.name] = _sorted(lake.read(f"profiles/{view.name}"), [*view.keys, "event_timestamp"])
    return tables


def _sorted(rows: pa.Table, keys: list[str]) -> pd.DataFrame:
    return rows.to_pandas().sort_values(keys, kind="stable", ignore_index=True)


def difference(one: Outcomes, other: Outcomes) -> str | None:
    """What is not the same in two outcomes; None where all is: rows exactly, counters to 1e-6 of their value."""
    for name, rows in one.tables.items():
        if not rows.equals(other.tables[name]):
            return f"table {name}: {_unequal(rows, other.tables[name])}"
    for name, rows in one.states.items():
        if not _alike(rows, other.states[name]):
            return f"states {name}: {_unequal(rows, other.states[name])}"
    if not one.training.frame.equals(other.training.frame):
        return f"labels: {_unequal(one.training.frame, other.training.frame)}"
    if not np.allclose(one.training.matrix, other.training.matrix, rtol=1e-6, atol=1e-30, equal_nan=True):
        return "features of the training rows"
    return None


def _alike(rows: pd.DataFrame, others: pd.DataFrame) -> bool:
    if rows.shape != others.shape:
        return False
    floats = [*rows.select_dtypes("floating")]
    same = rows.drop(columns=floats).equals(others.drop(columns=floats))
    return same and np.allclose(rows[floats], others[floats], rtol=1e-6, atol=1e-30, equal_nan=True)


def _unequal(rows: pd.DataFrame, others: pd.DataFrame) -> str:
    if len(rows) != len(others):
        return f"{len(rows)} rows and {len(others)}"
    differs = (rows.astype(str) != others.astype(str)).any(axis=1)
    return f"{differs.sum()} rows differ, such as\n{rows[differs].head(3)}\n{others[differs].head(3)}"
