"""Every gate passes on good evidence, refuses on bad, and stays closed on none."""

from dataclasses import replace

import numpy as np
import pytest

from validation.definition import GateLimits
from validation.gates.evidence import DataFacts, GateEvidence, Lineage, SliceEvidence
from validation.gates.leak_evidence import Repeats, ServedSample
from validation.gates.release_gates import judge_evidence
from validation.systems.home_feed import RANKER_LIMITS
from validation.verdict import GATES

ROWS, GROUPS = 4_000, 600
RNG = np.random.default_rng(3)
LABEL = (RNG.random(ROWS) < 0.3).astype(np.int8)
VALUES = np.column_stack([RNG.normal(LABEL * 0.5), RNG.random(ROWS)])
POPULAR = RNG.random(GROUPS) * 0.6
LIMITS = GateLimits(baselines=("popularity", "recency"), draws=200)
SERVED = RNG.random((200, 2)).astype(np.float32)
DATA = DataFacts(rows=ROWS, units=GROUPS, positive_share=0.3, refused_batches=0, quarantined_share=0.01)


def against(lift, noise=0.02):
    return POPULAR + lift + np.random.default_rng(4).normal(0, noise, GROUPS)


NORTH = SliceEvidence("region=north", against(0.1)[:300], POPULAR[:300])
GOOD = GateEvidence(
    features=("taste", "hour"), candidate="xgboost", data=DATA,
    lineage=(Lineage("taste", "engagements", -60.0), Lineage("hour", "request", 0.0)),
    values=VALUES,
    label=LABEL,
    perfect=np.ones(GROUPS),
    merits={"xgboost": against(0.1), "popularity": POPULAR, "recency": against(0.01), "best_column": against(0.02),
          "live": against(0.08)},
    live="3",
    calibration_error=0.01,
    slices=(NORTH, SliceEvidence("new users", POPULAR[:9], POPULAR[:9])),
    features_digest="a" * 64,
    model_features=("taste", "hour"),
    model_digest="a" * 64, latency_ms=4.0, subject="digest",
    served=ServedSample(("taste", "hour"), SERVED, SERVED),
    worths=(), repeats=Repeats(1_000, 0, 1_000, 0), encodings=(),
)  # fmt: skip


BEHIND = SliceEvidence("tv", POPULAR, against(0.1))


def finding(gate, evidence, limits=LIMITS):
    return next(f for f in judge_evidence(evidence, limits).findings if f.gate == gate)


def data(**changed):
    return replace(GOOD, data=replace(DATA, **changed))


def ndcg(**changed):
    return replace(GOOD, merits=dict(GOOD.merits) | changed)


def column(values):
    return replace(GOOD, values=np.column_stack([VALUES[:, 0], values]))


REFUSED = {
    "few rows": ("data", data(rows=10), "10 rows"),
    "few groups": ("data", data(units=10), "10 units"),
    "no positives": ("data", data(positive_share=0.0), "0.000% of rows are positive"),
    "all positive": ("data", data(positive_share=1.0), "100.000% of rows are positive"),
    "a share nobody could compute": ("data", data(positive_share=float("nan")), "nan% of rows"),
    "a refused batch": ("data", data(refused_batches=1), "1 batches of the training window were refused"),
    "much in quarantine": ("data", data(quarantined_share=0.2), "20.0% of received rows"),
    "a failed expectation": ("data", data(failures=("label.known fails",)), "label.known fails"),
    "no facts": ("data", replace(GOOD, data=None), "no facts"),
    "known after the impression": (
        "leakage",
        replace(GOOD, lineage=(Lineage("taste", "engagements", 5.0), GOOD.lineage[1])),
        "`taste` was received after the impression",
    ),
    "known nobody knows when": ("leakage", replace(GOOD, lineage=GOOD.lineage[1:]), "when `taste` was known"),
    "known at not a number": ("leakage", replace(GOOD, lineage=(Lineage("taste", "", float("nan")),)), "when `taste`"),
    "a column that is the label": ("leakage", column(LABEL + RNG.normal(0, 0.1, ROWS)), "`hour` alone tells the label"),
    "a column that is the label turned round": ("leakage", column(-LABEL * 1.0), "`hour` alone tells the label"),
    "a column that codes the label": ("leakage", column(np.where(LABEL, RNG.choice([0, 2], ROWS), 1)), "`hour` alone"),
    "nulls that tell the label": ("leakage", column(np.where(LABEL, np.nan, RNG.random(ROWS))), "being null or not"),
    "one class": ("leakage", replace(GOOD, label=np.zeros(ROWS)), "one class only"),
    "no matrix": ("leakage", replace(GOOD, values=None), "hand over the training set"),
    "a matrix of another shape": ("leakage", replace(GOOD, values=VALUES[:, :1]), "hand over the training set"),
    "too few rows to look at": ("leakage", replace(GOOD, values=VALUES[:50], label=LABEL[:50]), "1,000 or more rows"),
    "no better than popularity": (
        "baseline",
        ndcg(xgboost=against(0.0)),
        "popularity is not clearly beaten (+0.0002 [",
    ),
    "not surely better than recency": (
        "baseline",
        ndcg(recency=against(0.1, noise=0.5)),
        "more days, better features, or release recency",
    ),
    "not surely better than the best single column": (
        "baseline",
        ndcg(best_column=against(0.1, noise=0.5)),
        "more days, better features, or release best_column",
    ),
    "the best single column left out": (
        "baseline",
        replace(GOOD, merits={name: values for name, values in GOOD.merits.items() if name != "best_column"}),
        "`xgboost` and `best_column` were not both measured",
    ),
    "a baseline that was not compared with the best single column": (
        "baseline",
        replace(GOOD, candidate="popularity", merits={"popularity": POPULAR, "recency": against(-0.1)}),
        "`popularity` was not compared with `best_column`",
    ),
    "a baseline not measured": ("baseline", ndcg(recency=np.full(GROUPS, np.nan)), "not both measured"),
    "groups that do not match": ("baseline", ndcg(recency=POPULAR[:-1]), "not both measured"),
    "fewer groups for one": ("baseline", ndcg(recency=np.where(np.arange(GROUPS) < 9, np.nan, POPULAR)), "not both"),
    "too few groups to compare": (
        "baseline",
        replace(GOOD, merits={name: found[:50] for name, found in GOOD.merits.items()}),
        "not both measured on 200 units or more, only on 50; ingest more days",
    ),
    "a baseline that a model beats": (
        "baseline",
        replace(GOOD, candidate="popularity"),
        "popularity is clearly beaten (xgboost +0.",
    ),
    "a baseline that another one beats": (
        "baseline",
        replace(
            GOOD,
            candidate="popularity",
            merits={"popularity": POPULAR, "recency": against(0.1), "best_column": POPULAR},
        ),
        "popularity is clearly beaten (recency +0.",
    ),
    "a baseline compared with nothing": (
        "baseline",
        replace(GOOD, candidate="popularity", merits={"popularity": POPULAR}),
        "nothing was compared with `popularity`",
    ),
    "a baseline that was not measured": (
        "baseline",
        replace(GOOD, candidate="popularity", merits={"recency": POPULAR}),
        "`popularity` was not measured on the judge rows",
    ),
    "a baseline compared on other groups": (
        "baseline",
        replace(GOOD, candidate="popularity", merits={"popularity": POPULAR, "best_column": POPULAR[1:]}),
        "not both measured on the same units",
    ),
    "a baseline worse than the live release": ("champion", replace(GOOD, candidate="popularity"), "keep the live"),
    "a baseline on leaking data": (
        "leakage",
        replace(column(LABEL + RNG.normal(0, 0.1, ROWS)), candidate="popularity"),
        "`hour` alone tells the label",
    ),
    "a baseline on refused batches": ("data", replace(data(refused_batches=1), candidate="popularity"), "1 batches"),
    "a baseline of other features": (
        "signature",
        replace(GOOD, candidate="popularity", model_features=("taste",)),
        "absent: hour",
    ),
    "nothing measured": ("baseline", replace(GOOD, merits={}), "not both measured"),
    "worse than the live release": ("champion", ndcg(live=against(0.2)), "against live release 3"),
    "perhaps worse than the live release": ("champion", ndcg(live=against(0.1, noise=0.9)), "keep the live release"),
    "the live release not measured": ("champion", replace(GOOD, live_contender="champion"), "release 3 is live"),
    "a slice left behind": ("slice", replace(GOOD, slices=(BEHIND,)), "`tv` is worse off"),
    "no slice large enough": ("slice", replace(GOOD, slices=GOOD.slices[1:]), "no slice has 100 units"),
    "no slices": ("slice", replace(GOOD, slices=()), "no slice has 100 units"),
    "miscalibrated": ("calibration", replace(GOOD, calibration_error=0.2), "differ by 0.200"),
    "calibration not measured": ("calibration", replace(GOOD, calibration_error=None), "no calibration error"),
    "calibration not a number": ("calibration", replace(GOOD, calibration_error=float("nan")), "no calibration error"),
    "a feature the model lacks": ("signature", replace(GOOD, model_features=("taste",)), "absent: hour"),
    "features in another order": ("signature", replace(GOOD, model_features=("hour", "taste")), "name or order differ"),
    "another recipe": ("signature", replace(GOOD, model_digest="b" * 64), "digest bbbbbbbbbbbb"),
    "no digest": ("signature", replace(GOOD, model_digest=None), "both recipes' digests are needed"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_gate_refuses(case):
    gate, evidence, told = REFUSED[case]
    found = finding(gate, evidence)
    assert not found.passed
    assert told in found.reason
    verdict = judge_evidence(evidence, LIMITS)
    assert not verdict.passed
    assert f"{gate} gate: {found.reason}" in verdict.reasons()


def test_good_evidence_passes_every_gate():
    verdict = judge_evidence(GOOD, LIMITS)
    assert verdict.reasons() == []
    assert verdict.passed
    assert tuple(f.gate for f in verdict.findings) == GATES
    assert "too small to judge: new users" in finding("slice", GOOD).reason


UNBEATEN = replace(
    GOOD,
    candidate="popularity",
    merits={
        "popularity": POPULAR,
        "recency": against(-0.1),
        "best_column": against(-0.1),
        "xgboost": against(0.001, noise=0.2),
    },
    live=None,
    calibration_error=None,
    probabilistic=False,
)


def test_a_baseline_that_nothing_beats_passes_every_gate_and_each_says_what_it_is():
    verdict = judge_evidence(UNBEATEN, LIMITS)
    assert verdict.passed, verdict.reasons()
    told = {found.gate: found.reason for found in verdict.findings}
    assert told["baseline"].startswith(
        "popularity is released as the simplest that nothing beats: it is not clearly beaten (xgboost "
    )
    assert "more days, better features" in told["baseline"]
    assert told["slice"].startswith("popularity is a baseline")
    assert told["calibration"] == (
        "popularity gives an order and no probabilities: there is nothing to calibrate; "
        "its scores only rank; for probabilities a model is needed"
    )
    assert not [reason for reason in told.values() if "not both measured" in reason]


def test_a_baseline_is_released_where_groups_are_too_few_to_tell_contenders_apart():
    few = replace(UNBEATEN, merits={name: found[:50] for name, found in UNBEATEN.merits.items()})
    told = finding("baseline", few)
    assert told.passed
    assert "too few units to show that anything beats it (50, and 200 are asked)" in told.reason


def test_a_baseline_whose_rate_is_off_ranks_all_the_same_and_says_so():
    off = replace(UNBEATEN, probabilistic=True, calibration_error=0.2)
    told = finding("calibration", off)
    assert told.passed
    assert "differ by 0.200 on average (limit 0.05 for a model)" in told.reason


def test_a_baseline_as_good_as_the_live_one_follows_it():
    same = replace(UNBEATEN, live="3", merits={**UNBEATEN.merits, "live": POPULAR})
    assert judge_evidence(same, LIMITS).passed


@pytest.mark.parametrize("candidate", ["popularity", "recency", "best_column", "xgboost"])
@pytest.mark.parametrize("groups", [1, 50, GROUPS])
def test_no_gate_compares_a_contender_with_itself(candidate, groups):
    some = replace(UNBEATEN, candidate=candidate, merits={n: found[:groups] for n, found in UNBEATEN.merits.items()})
    reasons = [found.reason for found in judge_evidence(some, LIMITS).findings]
    assert not [reason for reason in reasons if f"`{candidate}` and `{candidate}`" in reason]


def test_the_first_release_has_no_champion_to_beat():
    assert finding("champion", replace(GOOD, live=None)).passed


def test_a_noisy_small_loss_in_a_slice_is_no_refusal():
    noisy = SliceEvidence("tv", POPULAR, against(0.025, noise=0.9))
    assert finding("slice", replace(GOOD, slices=(noisy,))).passed


@pytest.mark.parametrize(
    ("candidate", "way_on"),
    [("xgboost", "use fewer trees or features"), ("popularity", "raise `max_latency_ms` of the system's limits")],
)
def test_a_release_that_scores_too_slowly_is_told_the_time_the_limit_and_the_way_on(candidate, way_on):
    slow, limits = replace(GOOD, candidate=candidate), replace(LIMITS, max_latency_ms=3.0)
    found = finding("latency", slow, limits)
    assert (found.passed, found.measured, found.limit) == (False, 4.0, 3.0)
    assert found.reason.startswith("scoring a request takes 4 ms (limit 3 ms); ")
    assert way_on in found.reason
    assert any(found.reason in reason for reason in judge_evidence(slow, limits).reasons())
    assert finding("latency", replace(slow, latency_ms=3.0), limits).passed


def test_latency_is_asked_only_where_a_limit_is_set_and_then_has_to_be_known():
    assert "latency" not in {found.gate for found in judge_evidence(replace(GOOD, latency_ms=None), LIMITS).findings}
    unknown = finding("latency", replace(GOOD, latency_ms=None), replace(LIMITS, max_latency_ms=3.0))
    assert (unknown.passed, "`flywheel run train` times it" in unknown.reason) == (False, True)


def test_users_with_many_groups_do_not_make_an_interval_narrow():
    users = np.repeat(np.arange(GROUPS // 60), 60)
    lucky = POPULAR + np.random.default_rng(0).normal(0.03, 0.1, GROUPS // 60)[users]
    limits = replace(LIMITS, baselines=("popularity",))
    alone = finding("baseline", ndcg(xgboost=lucky), limits)
    together = finding("baseline", replace(ndcg(xgboost=lucky), clusters=users), limits)
    assert together.measured < alone.measured


def test_the_same_evidence_has_the_same_verdict():
    assert judge_evidence(GOOD, RANKER_LIMITS) == judge_evidence(GOOD, RANKER_LIMITS)
