"""The evidence that training collects for the gates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from validation.gates.perturbed_sample import PerturbationEvidence

if TYPE_CHECKING:  # small commands import the definitions, and numpy would double their CPU time
    from typing import Any

    from numpy.typing import NDArray

    from infra.arrays import Reals
    from validation.gates.leak_evidence import ColumnWorth, KeyNoise, Repeats, ServedSample


@dataclass(frozen=True, slots=True)
class DataFacts:
    """What went into the training set: its size, and the state of its batches (from the ledger).

    `failures` are sentences about other checks of the data that failed, such as expectations on the training set.
    `waiting_since` are the days of arrival of the rows that wait in quarantine.
    """

    rows: int
    units: int
    positive_share: float
    refused_batches: int
    quarantined_share: float
    failures: tuple[str, ...] = ()
    waiting_since: tuple[date, ...] = ()


@dataclass(frozen=True, slots=True)
class Lineage:
    """When a feature's value was known, against the impression it is used for.

    `known_after_s` is the largest (known − impression) over all rows, in seconds: above 0 the value is from the future.
    It is 0 for a value that the request carries, and NaN where it is not known.
    """

    feature: str
    source: str
    known_after_s: float


@dataclass(frozen=True, slots=True)
class SliceEvidence:
    """A part of the judge rows: the merit of each unit inside it, of the candidate and of the baseline, aligned."""

    name: str
    candidate: Reals
    baseline: Reals


@dataclass(frozen=True, slots=True)
class SliceExposure:
    """What a part of the judge rows gets of the places, as shares of all.

    eligible         its share of the rows that could be shown
    exposure         its share of what their places are worth, in the order of the candidate
    outcome          its share of what users made of them
    ratio, low, high  exposure ÷ outcome, with its interval: 1 is as much as users value it
    groups           how many groups it shares with other parts; a part of the users shares none: no order changes it
    """

    name: str
    eligible: float
    exposure: float
    outcome: float
    ratio: float
    low: float
    high: float
    groups: int


@dataclass(frozen=True, slots=True)
class GateEvidence:
    """All that the gates of one candidate release look at; a gate without its evidence refuses.

    features           the names the feature set defines, in order
    candidate          the contender to be released
    data               facts of the training set
    lineage            one line a feature
    values, label      (rows, features) as trained on, NaN where unknown; (rows,) positive where above 0
    objective          the kind of objective: it says which gates are asked
    merit              the name of the measure that is the mean merit of the units
    merits             contender → (units,) merits of the judge units, aligned, NaN where a unit has none
    perfect            (units,) the merit of whoever knows what will happen
    clusters           (units,) whose unit it is, because units of one user are not independent; None: they are
    live               version of the live release, None when there is none; its merits are `merits[live_contender]`
    best               version of the best release that was live, which may be the live one; its merits are
                       `merits[best_contender]`, absent where it can no longer be scored
    measures           name → value and the ends of its interval, of the candidate: what caps are held against
    calibrated         whether the objective predicts anything that could be off
    calibration_error  how far the candidate's predictions are off
    probabilistic      whether the candidate's scores are meant as predictions
    slices             one entry a slice
    exposures          one entry for each part whose exposure is measured
    features_digest    of this checkout's recipe; `model_digest` of the recipe inside the release
    model_features     what the candidate was trained on, in order
    latency_ms         p95 of the CPU time of scoring one request, when measured
    perturbation       what became of a sample of rows when everything received later was altered
    served, logged     rows of the training set beside the same rows as serving makes them, and as it really served them
    worths             what the columns are worth to the candidate
    live_measured      gate → what it measured when the live release was judged
    repeats            rows that stand twice
    encodings          how closely columns tell the later labels of keys; empty where no key has enough rows
    subject            digest of what is judged
    """

    features: Sequence[str]
    candidate: str
    data: DataFacts | None = None
    lineage: Sequence[Lineage] = ()
    values: Reals | None = None
    label: NDArray[Any] | None = None
    objective: str = "rank"
    merit: str = "ndcg_at_10"
    merits: Mapping[str, Reals] = field(default_factory=dict)
    perfect: Reals | None = None
    measures: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)
    calibrated: bool = True
    clusters: NDArray[Any] | None = None
    live: str | None = None
    live_contender: str = "live"
    best: str | None = None
    best_contender: str = "best"
    calibration_error: float | None = None
    probabilistic: bool = True
    slices: Sequence[SliceEvidence] = ()
    exposures: Sequence[SliceExposure] = ()
    features_digest: str | None = None
    model_features: Sequence[str] | None = None
    model_digest: str | None = None
    latency_ms: float | None = None
    perturbation: PerturbationEvidence | None = None
    served: ServedSample | None = None
    logged: ServedSample | None = None
    worths: Sequence[ColumnWorth] | None = None
    live_measured: Mapping[str, float] = field(default_factory=dict)
    repeats: Repeats | None = None
    encodings: Sequence[KeyNoise] | None = None
    subject: str = ""
