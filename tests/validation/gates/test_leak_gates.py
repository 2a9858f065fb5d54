"""The gates against leaks that no single column shows: each refuses what it is for, and stays closed on nothing."""

from dataclasses import replace

import numpy as np
import pytest

from validation.definition import GateLimits
from validation.gates.evidence import GateEvidence
from validation.gates.leak_evidence import ColumnWorth, KeyNoise, Repeats, ServedSample
from validation.gates.release_gates import judge_evidence

ROWS, GROUPS = 4_000, 600
RNG = np.random.default_rng(5)
LABEL = RNG.random(ROWS) < 0.3
COIN = RNG.random(ROWS) < 0.5
POPULAR = np.clip(RNG.normal(0.6, 0.1, GROUPS), 0, 1)
LIMITS = GateLimits(baselines=("popularity",), draws=200)
NAMES = ("taste", "hour", "age")
SEEN = RNG.normal(size=(300, 3)).astype(np.float32)
SAME = ServedSample(NAMES, SEEN, SEEN.copy(), origin="made again by the code that serves")
NOISE = KeyNoise("taste", "guest", 400, 1.1, 0.05, 0.9)


def worth(name, whole, new, key="user"):
    """A column that is worth so much on all rows, and of which so much is new since the last row before."""
    noise = RNG.normal(0, 0.01, GROUPS)
    return ColumnWorth(name, "", whole + noise, None), ColumnWorth(name, key, whole + noise, new + noise)


def ndcg(over_popular):
    return {"popularity": POPULAR, "xgboost": POPULAR + over_popular + RNG.normal(0, 0.01, GROUPS)}


def unknown(*masks):
    """Columns of noise, null where a mask says so."""
    return np.column_stack([np.where(mask, np.nan, RNG.normal(size=ROWS)) for mask in masks])


GOOD = GateEvidence(
    features=NAMES, candidate="xgboost", values=unknown(COIN, RNG.random(ROWS) < 0.1, LABEL & False), label=LABEL,
    perfect=np.ones(GROUPS),
    merits=ndcg(0.1), served=SAME, worths=(*worth("taste", 0.05, 0.01), *worth("age", 0.001, 0.001)),
    repeats=Repeats(1_000, 1, 1_000, 1), encodings=(NOISE,),
)  # fmt: skip
OTHER = SEEN.copy()
OTHER[7, 1] += 0.01
LIVE = {"plausible": 0.25}

REFUSED = {
    "nobody made requests again": ("served", replace(GOOD, served=None), "nobody made the features"),
    "too few rows made again": (
        "served",
        replace(GOOD, served=replace(SAME, trained=SEEN[:9], served=SEEN[:9])),
        "only 9",
    ),
    "a column that serving does not make": (
        "served",
        replace(GOOD, served=replace(SAME, absent=("age",))),
        "`age`: training has it",
    ),
    "a column that is otherwise in one row": (
        "served",
        replace(GOOD, served=replace(SAME, served=OTHER)),
        "`hour`: training has other values",
    ),
    "a column that serving does not know": (
        "served",
        replace(GOOD, served=replace(SAME, served=np.where(np.arange(3) == 2, np.nan, SEEN))),
        "`age`: training",
    ),
    "what the model is worth when it is served": (
        "served",
        replace(GOOD, served=replace(SAME, absent=("age",), scored=(0.894, 0.574))),
        "0.894 with what training has and 0.574",
    ),
    "rows that nobody was shown": (
        "served",
        replace(GOOD, served=replace(SAME, unlogged=12)),
        "12 rows of the training set",
    ),
    "other values were really served": (
        "served",
        replace(GOOD, logged=replace(SAME, served=OTHER)),
        "equal in 99.67% of 300 logged rows",
    ),
    "nobody scored without columns": ("lift", replace(GOOD, worths=None), "nobody measured what each column"),
    "a column that tells of its row alone": (
        "lift",
        replace(GOOD, worths=(*worth("taste", 0.05, 0.01), *worth("age", 0.03, 0.028))),
        "`age` is worth +0.0",
    ),
    "a column that tells of its row alone by every key": (
        "lift",
        replace(GOOD, worths=(*worth("age", 0.03, 0.028), worth("age", 0.03, 0.02, "item")[1])),
        "the last row before of the same item",
    ),
    "a model that closes most of the way": (
        "plausible",
        replace(GOOD, merits=ndcg(0.3)),
        "of the way from popularity (0.6",
    ),
    "a step larger than all before": (
        "plausible",
        replace(GOOD, live="3", live_measured=LIVE, merits=ndcg(0.19)),
        "10% more than live release 3 when it was judged (25%)",
    ),
    "no other contender": ("plausible", replace(GOOD, merits={"xgboost": POPULAR}), "no other contender was measured"),
    "two columns unknown together": (
        "nulls",
        replace(GOOD, values=unknown(COIN, COIN ^ LABEL, LABEL & False)),
        "`taste`, `hour` are unknown together",
    ),
    "three columns unknown together": (
        "nulls",
        replace(GOOD, values=unknown(COIN, (third := RNG.random(ROWS) < 0.5), COIN ^ third ^ LABEL)),
        "unknown together",
    ),
    "no values": ("nulls", replace(GOOD, values=None), "hand them over"),
    "one class": ("nulls", replace(GOOD, label=LABEL & False), "one class only"),
    "copies among what is learned from": (
        "repeats",
        replace(GOOD, repeats=Repeats(1_000, 40, 1_000, 1)),
        "judge rows were copied",
    ),
    "nobody looked for copies": ("repeats", replace(GOOD, repeats=None), "to look for rows that stand twice"),
    "nobody measured keys": ("encoding", replace(GOOD, encodings=None), "nobody measured the columns"),
    "a column that knows how the coins fell": (
        "encoding",
        replace(GOOD, encodings=(NOISE, replace(NOISE, column="mean", dispersion=0.4))),
        "`mean` at the first judge row of each `guest`",
    ),
}


def finding(gate, evidence):
    return next(f for f in judge_evidence(evidence, LIMITS).findings if f.gate == gate)


@pytest.mark.parametrize("case", REFUSED)
def test_a_leak_is_refused_by_its_gate_with_the_reason(case):
    gate, evidence, told = REFUSED[case]
    found = finding(gate, evidence)
    assert not found.passed
    assert told in found.reason


@pytest.mark.parametrize("gate", sorted({gate for gate, _, _ in REFUSED.values()}))
def test_honest_evidence_passes(gate):
    found = finding(gate, GOOD)
    assert found.passed, found.reason
    assert finding(gate, replace(GOOD, live="3", live_measured=LIVE)).passed


def test_a_column_that_lasts_by_one_of_its_keys_is_honest():
    lasting = (*worth("age", 0.03, 0.03), worth("age", 0.03, 0.001, "item")[1])
    found = finding("lift", replace(GOOD, worths=lasting))
    assert found.passed
    assert "of the same item" in found.reason


def test_a_column_that_only_the_request_knows_is_not_asked_for_the_row_before():
    found = finding("lift", replace(GOOD, worths=worth("hour", 0.2, 0.2)[:1]))
    assert found.passed
    assert "no column that is about a user or an item" in found.reason


def test_the_first_release_says_that_nothing_was_really_served():
    assert "no request of these rows was really served" in finding("served", GOOD).reason
    assert "300 rows as they were really served" in finding("served", replace(GOOD, logged=SAME)).reason


def test_a_leak_in_the_last_digit_is_a_leak_and_a_logged_value_may_be_rounded():
    rounded = replace(SAME, served=np.nextafter(SEEN, np.float32(np.inf)))
    assert not finding("served", replace(GOOD, served=rounded)).passed
    assert finding("served", replace(GOOD, logged=rounded)).passed
