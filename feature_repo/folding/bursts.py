"""Bursts: items whose counters a few users, or suddenly many new accounts, would have pushed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
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
    day, counts = sql.to_date("published_at").alias("day"), sql.col("event.counts")
    events = [
        sql.when(sql.col(weight(name)).isNotNull(), sql.struct(sql.lit(name).alias("signal"),
                 sql.col(capped_weight(name)).isNotNull().alias("counts")))
        for name in signals
    ]  # fmt: skip
    one_by_one = contributions.select(
        day, WHAT, WHO, TRUST, sql.explode(sql.array_compact(sql.array(*events))).alias("event")
    )
    of_pair = one_by_one.groupBy("day", WHAT, WHO, "event.signal").agg(
        sql.count("*").alias("events"),
        sql.count_if(counts).alias("counted"),
        sql.sum(sql.when(counts, sql.col(TRUST))).alias("trusted"),
    )
    sums = [sql.sum(name).alias(name) for name in ("events", "counted", "trusted")]
    of_item = of_pair.groupBy("day", WHAT, "signal").agg(*sums, sql.count("*").alias("users"))
    of_day = Window.partitionBy("day", "signal")
    usual = [sql.sum(name).over(of_day).alias(f"all_{name}") for name in ("counted", "trusted")]
    rows = of_item.select("*", *usual).where(sql.col("events") >= influence.burst_events).toArrow().to_pylist()
    of_rows = (burst for row in rows for burst in _of_item(row, influence))
    return tuple(sorted(of_rows, key=lambda burst: (-burst.events, burst.day, burst.item, burst.signal)))


def _of_item(row: Mapping[str, Any], limits: Influence) -> Iterator[Burst]:
    events, counted, users = row["events"], row["counted"], row["users"]
    repeated, doubted = 1 - counted / events, 1 - row["trusted"] / counted
    others = row["all_counted"] - counted
    usual = 1 - (row["all_trusted"] - row["trusted"]) / others if others else 1.0
    of_item = (row["day"], str(row[WHAT]), row["signal"])
    if repeated >= limits.burst_share:
        yield Burst(*of_item, FEW_USERS, events, users, repeated, 0.0)
    if doubted >= max(limits.burst_share, limits.burst_times * usual):
        yield Burst(*of_item, NEW_ACCOUNTS, events, users, doubted, usual)
