"""The cap on what one user adds to an item in a day: which events count, decided by what was known and never by order.

A cell is one user, one item and one day of publication. A day is folded and snapshot whole, so that no cell lies on
both sides of a snapshot. Within a cell and a signal the events that were known first count: what comes later never
changes what was published before.
"""

from typing import TYPE_CHECKING

from feature_repo.definition import FeatureSet
from feature_repo.folding.weights import capped_weight, weight

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

WHO, WHAT, TRUST, EVENT = "of_user", "about_item", "trust", "event"
BEFORE = "counted_before"
"""Marks contributions that were added up before, given again with new ones of their cells."""


def capped(contributions: "DataFrame", features: FeatureSet) -> "DataFrame":
    """The contributions with one `capped_weight_of_<signal>` for each signal of a capped view.

    Without a column `counted_before` all contributions of a cell are given. With it, those that were added up before
    are given again: their weights are null then, and their capped weight is what has to be added to be right now, the
    negative of what was added where an event that was known earlier takes their place.
    """
    from pyspark.sql import Window
    from pyspark.sql import functions as sql

    influence = features.influence
    if influence is None or not features.capped_signals:
        return contributions
    before = sql.col(BEFORE) if BEFORE in contributions.columns else sql.lit(False)
    in_order = Window.partitionBy(WHO, WHAT, sql.to_date("published_at")).orderBy("known_at", EVENT)
    in_order = in_order.rowsBetween(Window.unboundedPreceding, Window.currentRow)

    def counts(events: "Column") -> "Column":
        return events.isNotNull() & (sql.count(events).over(in_order) <= influence.a_day)

    def change(signal: str) -> "Column":
        now, then = sql.col(weight(signal)), sql.when(before, sql.col(weight(signal)))
        return counts(now).cast("double") - counts(then).cast("double")

    changes = {capped_weight(name): change(name) for name in features.capped_signals}
    adds = {
        column: sql.when(sql.col(column) != 0, sql.col(column) * sql.col(weight(name)) * sql.col(TRUST))
        for name, column in zip(features.capped_signals, changes, strict=True)
    }
    decided = contributions.withColumns(changes).withColumns(adds)
    raw = {weight(signal.name): sql.when(~before, sql.col(weight(signal.name))) for signal in features.signals}
    return decided.withColumns(raw).drop(BEFORE) if BEFORE in contributions.columns else decided
