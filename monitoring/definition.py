"""The definition of a watch: what is compared, from when on a difference counts, and what may follow from it."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from infra.errors import DefinitionError

JOURNAL_LENGTH = timedelta(days=30)
"""How long evidence and actions stay in the journal: longer than windows and cooldowns, short enough for a cursor."""


Per = Literal["row", "unit", "session", "person"]


@dataclass(frozen=True, slots=True)
class BusinessMeasure:
    """What the product is measured by: rows of a table, or the sum of a column of them, for each of something.

    table   where the rows are; empty: the decisions
    where   which of them count, as a table's rules are written; empty: all
    of      the column that is summed; empty: rows are counted, and with `distinct` the different values of a column
    per     for each decision, each unit such as a page, each session or each person of the day
    falls   whether less of it is worse
    """

    name: str
    meaning: str
    per: Per
    table: str = ""
    where: str = ""
    of: str = ""
    distinct: str = ""
    falls: bool = True


@dataclass(frozen=True, slots=True)
class Watch:
    """What is watched of one system, and when a retraining or a rollback follows.

    `critical` names the features whose drift may cause a retraining; the others are measured and shown. A column
    has moved when its PSI is above `max_psi` and above what chance explains: where nothing changed, a window is
    called a drift with a probability of at most `max_false_alarms`. A window with fewer rows or users than its
    minimum is reported as too small and never as steady, a slice below `min_slice_users` is left out. Nulls count from
    a rise of `max_null_rise` on. A finding is confirmed when `confirm` of the `of_last` newest measured windows have
    it. It ends only when windows lie clearly below its limit: below `clear_below` of it. A drop of merit counts when
    it is above `max_merit_drop`, in the merit's own measure, and above `merit_drop_errors` standard errors: with 1.64,
    5 % of steady windows show a larger one by chance. A window of outcomes is so many `outcome_days`, where labels
    come late. Each feature has to be served as it is trained on in `exact_share` of the rows, and all of them in
    `exact_rows`: with the first bound alone sixty features, each a little off in rows of its own, would spoil six
    rows of a hundred. Serving is stale when more than `max_stale_share` of the rows read states more than
    `max_staler` older than those the live release was trained on. Confirmed skew freezes training until newer
    windows have none, for `freeze` after the last of its windows at most. Training is frozen, too, while the newest
    days of an event table hold more than `max_volume_change` times, or less than a part of as many, the rows of a
    usual day (the median of those before, when that has `min_usual_rows`). A model is too old after `max_age`, a table
    after `max_silence` without a row. Predictions are off when what happens is `max_calibration` times, or less than a
    part of as much, what was predicted. `business` names what the product is measured by, beside the merit.
    """

    critical: tuple[str, ...]
    max_psi: float = 0.2
    bins: int = 10
    min_drift_rows: int = 1_000
    min_drift_users: int = 50
    min_slice_users: int = 30
    max_false_alarms: float = 0.01
    max_null_rise: float = 0.1
    max_merit_drop: float = 0.02
    merit_drop_errors: float = 1.64
    min_outcome_rows: int = 2_000
    outcome_days: int = 1
    exact_share: float = 0.999
    exact_rows: float = 0.998
    relative_tolerance: float = 1e-5
    absolute_tolerance: float = 1e-6
    min_skew_rows: int = 1_000
    max_staler: timedelta = timedelta(minutes=15)  # a quarter of a half-life of an hour, which few are shorter than
    max_stale_share: float = 0.1
    confirm: int = 2
    of_last: int = 3
    clear_below: float = 0.8
    cooldown: timedelta = timedelta(hours=6)
    daily_budget: int = 1
    freeze: timedelta = timedelta(days=7)
    max_volume_change: float = 5.0
    min_usual_rows: int = 200
    max_silence: timedelta = timedelta(hours=26)  # a daily file comes up to two hours after its day
    max_age: timedelta = timedelta(days=7)
    max_calibration: float = 1.5
    business: tuple["BusinessMeasure", ...] = ()
    report_rows: int = 10_000

    def __post_init__(self) -> None:
        if not 1 <= self.confirm <= self.of_last:
            raise DefinitionError(
                f"watch: {self.confirm} of {self.of_last} windows can never be confirmed; use 1 ≤ N ≤ M"
            )
        if self.outcome_days < 1:
            raise DefinitionError(f"watch: a window of {self.outcome_days} outcome_days holds nothing; use at least 1")
        if self.bins < 2:
            raise DefinitionError(f"watch: {self.bins} bin(s) cannot show a shift; use at least 2")
        for name in ("exact_share", "exact_rows"):
            if not 0 < getattr(self, name) <= 1:
                raise DefinitionError(f"watch: {name} {getattr(self, name)} is not a share above 0 and at most 1")
        if not 0 <= self.max_stale_share < 1:
            raise DefinitionError(
                f"watch: max_stale_share {self.max_stale_share} is not a share of at least 0, below 1"
            )
        if self.daily_budget < 1:
            raise DefinitionError(
                "watch: a daily budget below 1 retraining would mean that no finding causes one; use at least 1"
            )
        if not 0 < self.clear_below <= 1:
            raise DefinitionError(f"watch: clear_below {self.clear_below} is not a share above 0 and at most 1")
        if self.max_volume_change <= 1:
            raise DefinitionError(
                f"watch: max_volume_change {self.max_volume_change}: every day would differ; use above 1"
            )
        if not 0 < self.max_false_alarms < 1:
            raise DefinitionError(f"watch: max_false_alarms {self.max_false_alarms} is not a share between 0 and 1")
        minimums = ("min_drift_rows", "min_drift_users", "min_outcome_rows", "min_skew_rows", "min_usual_rows")
        positive = ("max_psi", "max_merit_drop", "report_rows", *minimums)
        for name in positive:
            if getattr(self, name) <= 0:
                raise DefinitionError(f"watch: {name} must be above 0, not {getattr(self, name)}")


PLAIN = Watch(critical=())
