"""Bursts: items whose counters a few users, or suddenly many new accounts, would have pushed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any

from feature_repo.definition import FeatureSet, Influence
from feature_repo.folding.influence import TRUST, WHAT, WHO
from feature_repo.folding.weights import capped_weight, weight

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

FEW_USERS, NEW_ACCOUNTS = "few users", "accounts that are trusted little"


@dataclass(frozen=True, slots=True)
class Burst:
    """One item, day and signal of which much does not count: the share, and why.

    share  of its events beyond what a user may add, or of what counts the part lost to missing trust
    usual  that part on all other items of the day; of events beyond the cap nothing is usual
    """

    day: date
    item: str
    signal: str
    why: str
    events: int
    users: int
    share: float
    usual: float

    def sentence(self) -> str:
        """What a person has to know of it."""
        usual = f", usual is {self.usual:.0%}" if self.usual else ""
        return (
            f"{self.item} on {self.day}: {self.events:,} events of {self.signal} by {self.users:,} users, "
            f"{self.share:.0%} of them do not count: {self.why}{usual}"
        )


def bursts(contributions: "DataFrame", features: FeatureSet) -> tuple[Burst, ...]:
    """The bursts in capped contributions, those with most events first."""
    from pyspark.sql import Window
    from pyspark.sql import functions as sql

    influence, signals = features.influence, features.capped_signals
    if influence is None or not signals:
        return ()
    some = reduce(or_, (sql.col(weight(name)).isNotNull() for name in signals))
    of_pair, of_item, least = [], [], []
    for name in signals:
        events, counted, trusted = (f"{sum_}_{name}" for sum_ in ("events", "counted", "trusted"))
        trust = sql.when(sql.col(capped_weight(name)).isNotNull(), sql.col(TRUST))
        of_pair += [
            sql.count(weight(name)).alias(events),
            sql.count(trust).alias(counted),
            sql.sum(trust).alias(trusted),
        ]
        of_item += [sql.sum(column).alias(column) for column in (events, counted, trusted)]
        of_item.append(sql.count_if(sql.col(events) > 0).alias(f"users_{name}"))
        least.append(sql.col(events) >= influence.burst_events)
    day = sql.to_date("published_at").alias("day")
    items = contributions.where(some).groupBy(day, WHAT, WHO).agg(*of_pair).groupBy("day", WHAT).agg(*of_item)
    of_day = Window.partitionBy("day")
    usual = [sql.sum(f"{sum_}_{name}").over(of_day).alias(f"all_{sum_}_{name}")
             for name in signals for sum_ in ("counted", "trusted")]  # fmt: skip
    rows = items.select("*", *usual).where(reduce(or_, least)).toArrow().to_pylist()
    of_rows = (burst for row in rows for name in signals for burst in _of_signal(row, name, influence))
    return tuple(sorted(of_rows, key=lambda burst: (-burst.events, burst.day, burst.item, burst.signal)))


def _of_signal(row: Mapping[str, Any], name: str, limits: Influence) -> Iterator[Burst]:
    events, counted, users = row[f"events_{name}"], row[f"counted_{name}"], row[f"users_{name}"]
    if events < limits.burst_events:
        return
    repeated, doubted = 1 - counted / events, 1 - row[f"trusted_{name}"] / counted
    others = row[f"all_counted_{name}"] - counted
    usual = 1 - (row[f"all_trusted_{name}"] - row[f"trusted_{name}"]) / others if others else 1.0
    of_item = (row["day"], str(row[WHAT]), name)
    if repeated >= limits.burst_share:
        yield Burst(*of_item, FEW_USERS, events, users, repeated, 0.0)
    if doubted >= max(limits.burst_share, limits.burst_times * usual):
        yield Burst(*of_item, NEW_ACCOUNTS, events, users, doubted, usual)
