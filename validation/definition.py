"""The limits of events, batches and releases that hold where a system sets no others.

The service, the stream, ingestion and labels take the limits of an event from here. So an event that the service has
acknowledged is used: nothing after it has a stricter limit.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from infra.errors import DefinitionError

CLOCK_ERROR = timedelta(seconds=60)
"""How far the clock that dates an event may be ahead of ours, or behind the answer that the event names.

An event that names its answer by id and is dated at most so long before it counts as of the moment of the answer.
"""
OLDEST = timedelta(days=30)
"""How old an event may be when it arrives: a phone may be offline for so long. Older ones come from a wrong clock."""
CLOCKS_DIFFER = timedelta(minutes=5)
"""How far the clock that wrote a delivered file may run ahead of ours."""
RECEIPT_TOLERANCE = timedelta(days=2)
"""How long before its arrival a delivered row may say it was received; a row that says earlier counts as received then.

A daily file holds a whole day and may come up to a day after its end. A longer time would let more rows count as known
when nobody could use them yet. History (`flywheel ingest --history`) has no such limit.
"""
LONGEST_WORD = 256
"""The most characters of an id, and of any text whose column says no other number."""
BEST_COLUMN = "best_column"
"""The contender that ranks by the single column that ranked the tuning rows best: in every run, and to be beaten."""


@dataclass(frozen=True, slots=True)
class UnitJumpLimits:
    """When a warning says that a numeric column may have changed its unit; nothing is refused.

    `times` is how far its median may be from that of the rows accepted before: ×60 and ×1000 are changes of unit, and
    from day to day the median of real values moves less. Fewer than `min_values` values are not compared. Compared are
    the first `rows_of_file` rows of the `newest_files`, so that the cost does not grow with the history.
    """

    times: float = 30.0
    min_values: int = 20
    newest_files: int = 20
    rows_of_file: int = 5_000


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """What must hold for a whole batch; a batch that breaks one is refused.

    Shares are of delivered rows. `max_duplicate` is about rows repeated inside one batch: what was accepted before may
    be delivered again at any time. `fresh_within` is the largest gap between the batch's newest event and its receipt:
    phones that were offline deliver old events alone, but only a broken clock gives older ones than are taken.
    `unit_jump` only warns.
    """

    min_rows: int = 1
    max_rows: int = 50_000_000
    max_quarantined_of_batch: float = 0.05
    max_duplicate: float = 0.20
    max_null: float = 0.50
    fresh_within: timedelta = OLDEST
    unit_jump: UnitJumpLimits = UnitJumpLimits()


@dataclass(frozen=True, slots=True)
class Cap:
    """A measure that may be at most, or at least, so large.

    `bound` is the end of its 95 % interval that is held against the cap, by default the worse one: the high end of what
    is to be small. `mend` is the next step where it is broken.
    """

    measure: str
    at_most: float | None = None
    at_least: float | None = None
    bound: Literal["low", "high", "value"] | None = None
    mend: str = "choose another operating point or better features, or let more days be judged"

    def __post_init__(self) -> None:
        if (self.at_most is None) == (self.at_least is None):
            raise DefinitionError(f"cap on {self.measure}: give either at_most or at_least")

    @property
    def limit(self) -> float:
        """The number that may not be passed."""
        return self.at_most if self.at_most is not None else float(self.at_least or 0.0)

    @property
    def end(self) -> Literal["low", "high", "value"]:
        """The end of the interval that is looked at."""
        return self.bound or ("high" if self.at_most is not None else "low")


@dataclass(frozen=True, slots=True)
class GateLimits:
    """The thresholds of one system's gates.

    `baselines` name the contenders a model has to beat beside the best single column, which every model has to.
    Differences of merit, in its own measure, are candidate minus the other, paired by unit; their intervals are
    bootstraps of so many `draws` at `confidence`. `max_quarantined_of_days` is the share of the rows received on the
    days learned from that may still wait in quarantine.
    `champion_margin` is what a release may lose against the live one and the best that was live. Where the judge rows
    cannot show so small a loss, the limit is the smallest that they show, chosen so that equal releases are refused in
    at most `max_false_refusals`; above `max_undecided` nothing goes live that is not seen to be good enough.
    `caps` bound measures of the candidate, whatever else it gains.
    `min_exposure` is the least that a part of the items or users may get of the places, against its share of what users
    valued: with 0.8, a fifth less; None: the gate is not asked.
    `min_perturbed` is how many rows have to be built again after everything that came later was altered; 0: none, and
    the gate is not asked.

    Against leaks: a model may close `max_share_of_perfect` of the way from the best baseline to a perfect order, and
    at most `max_step` more than the live one did when it was judged. Of what a column is worth, the share
    `max_new_share` may be new since the row before of the same user, item or whatever it is about. `max_chance` is the
    probability with which an honest set may be refused for rows that stand twice, `sure_errors` how many standard
    errors a column must tell labels better than coin flips allow. `min_served_rows` are made again as serving makes
    them and must be equal; of the values that a service logged, the share `min_served_equal` must be.
    """

    baselines: tuple[str, ...]
    min_rows: int = 1_000
    min_units: int = 200
    min_positive: float = 0.001
    max_positive: float = 0.999
    max_refused_batches: int = 0
    max_quarantined_of_days: float = 0.05
    max_feature_auc: float = 0.90
    max_null_auc: float = 0.70
    max_share_of_perfect: float = 0.5
    max_new_share: float = 0.5
    max_step: float = 0.1
    max_chance: float = 1e-4
    sure_errors: float = 4.0
    min_served_rows: int = 100
    min_served_equal: float = 0.999
    min_lift: float = 0.0
    champion_margin: float = 0.005
    max_undecided: float = 0.02
    max_false_refusals: float = 0.05
    slice_margin: float = 0.02
    min_slice_units: int = 100
    min_exposure: float | None = None
    caps: tuple[Cap, ...] = ()
    max_calibration_error: float = 0.05
    max_latency_ms: float | None = None
    min_perturbed: int = 0
    confidence: float = 0.95
    draws: int = 1_000

    @property
    def must_beat(self) -> tuple[str, ...]:
        """All contenders a ranker has to beat: the named ones and the best single column."""
        return (*self.baselines, BEST_COLUMN)
