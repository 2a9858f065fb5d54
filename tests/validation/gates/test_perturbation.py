"""The perturbation gate refuses what knows the future, what cannot be built again, and a proof that could not fail."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from validation.definition import GateLimits
from validation.gates import GateEvidence, PerturbationEvidence, judge_evidence
from validation.gates.perturbation import perturbation_gate

LIMITS = GateLimits(baselines=("popularity",), min_perturbed=50)
GOOD = PerturbationEvidence(datetime(2026, 5, 3, 12, tzinfo=UTC), before=150, after=50, moved=49)
EVIDENCE = GateEvidence(features=("taste",), candidate="xgboost", perturbation=GOOD)

REFUSED = {
    "no proof": (None, "0 rows were built again, 50 are needed"),
    "few rows": (replace(GOOD, before=49), "49 rows were built again, 50 are needed"),
    "one that knows": (
        replace(GOOD, knows_later={"taste": 3}),
        "`taste` in 3 of 150 rows shown until 2026-05-03 12:00:00 UTC changed with what was received later",
    ),
    "many that know": (
        replace(GOOD, knows_later={"a": 1, "b": 3, "c": 2, "d": 1, "e": 1}),
        "`b` in 3, `c` in 2, `a` in 1 (and 2 more features)",
    ),
    "one from elsewhere": (replace(GOOD, not_rebuilt={"planted": 150}), "cannot be built again as it was trained on"),
    "nothing moves": (replace(GOOD, moved=24), "only 24 of 50 rows shown after the cut changed"),
    "nothing after": (replace(GOOD, after=0, moved=0), "the proof would see no leak"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_the_gate_refuses(case: str) -> None:
    proof, reason = REFUSED[case]
    finding = perturbation_gate(replace(EVIDENCE, perturbation=proof), LIMITS)
    assert not finding.passed
    assert reason in finding.reason


def test_a_proof_in_which_nothing_knew_what_came_later_passes() -> None:
    finding = perturbation_gate(EVIDENCE, LIMITS)
    assert finding.passed
    assert finding.reason == (
        "none of 150 rows shown until 2026-05-03 12:00:00 UTC changed with what was received later, "
        "and 49 of 50 after it did"
    )


@pytest.mark.parametrize(("least", "asked"), [(50, True), (0, False)])
def test_it_is_asked_where_a_limit_is_set_and_has_to_answer_there(least: int, asked: bool) -> None:
    verdict = judge_evidence(replace(EVIDENCE, perturbation=None), replace(LIMITS, min_perturbed=least))
    assert ("perturbation" in {finding.gate for finding in verdict.findings}) is asked
