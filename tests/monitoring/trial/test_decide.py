"""What follows from the facts of a trial: harm aborts, nothing is decided on too little, every trial ends."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from infra.errors import DefinitionError
from monitoring.trial import ShadowFacts, TrialDecision, TrialFacts, TrialRules, decide_trial
from tests.monitoring.trial.plays import ENTERED, NOW, RULES, SINCE, WITH_QUEUE, facts, plays

SHADOW = TrialFacts("8", 0, ENTERED, ENTERED)
FINE = ShadowFacts(requests=5_000, errors=2, champion_ms=3.0, challenger_ms=3.5, changed=0.3, rank_agreement=0.8)


def decided(of: TrialFacts, rules: TrialRules = RULES) -> TrialDecision:
    return decide_trial(of, rules, NOW)


def broken(decision: TrialDecision) -> set[tuple[str, str]]:
    goal = (decision.goal,) if decision.goal else ()
    return {(f.measure, f.part) for f in (*decision.findings, *goal) if f.state == "broken"}


def test_a_step_without_harm_advances_once_it_has_lasted() -> None:
    step = facts(*plays(share=0.25), share=25)
    assert decided(step).does == "advance"
    early = decided(replace(step, since=NOW - timedelta(hours=3)))
    assert early.does == "hold"
    assert "lasts until" in early.reason


def test_after_the_last_step_a_better_release_becomes_champion() -> None:
    decision = decided(facts(*plays(listeners=4_000, trial=0.5)))
    assert decision.does == "advance"
    assert decision.reason.startswith("better: sessions")


def test_an_equal_one_too_once_it_is_surely_not_worse() -> None:
    wide = replace(RULES, not_worse_by=0.15)
    equal = facts(*plays(listeners=4_000))
    assert decided(equal, wide).does == "advance"
    assert "not worse by 0.15" in decided(equal, wide).reason
    assert decided(equal, replace(RULES, not_worse_by=0.001)).does == "hold"


def test_a_worse_one_is_aborted_at_any_step_and_moment() -> None:
    for share, listeners in ((5, 12_000), (25, 3_000), (50, 2_000)):
        worse = facts(*plays(listeners=listeners, share=share / 100, trial=0.2), share=share)
        decision = decided(replace(worse, since=NOW - timedelta(minutes=30)))
        assert decision.does == "abort"
        assert ("finished", "") in broken(decision)
        assert "worse by at least" in decision.reason


def test_one_worse_in_one_town_is_aborted_by_the_guardrail_of_that_town() -> None:
    decision = decided(facts(*plays(listeners=6_000, trial=0.6, worse_in="north")))
    assert decision.does == "abort"
    assert ("finished", "north") in broken(decision)
    assert ("finished", "south") not in broken(decision)


def test_a_release_that_fails_is_aborted_though_its_listeners_are_happy() -> None:
    log, followed = plays(trial=0.5)
    log.loc[log["variant"].eq("challenger") & (log.index % 5 == 0), "release"] = "7"
    decision = decided(facts(log, followed))
    assert broken(decision) == {("failed", "")}
    assert decision.does == "abort"


def test_a_queue_that_has_grown_old_aborts_and_one_that_nobody_measured_holds() -> None:
    equal = plays(share=0.25)
    assert decided(facts(*equal, share=25, queue_age=11.0), WITH_QUEUE).does == "abort"
    assert decided(facts(*equal, share=25, queue_age=9.0), WITH_QUEUE).does == "advance"
    held = decided(facts(*equal, share=25), WITH_QUEUE)
    assert (held.does, held.reason) == ("hold", "queue_age was not measured")


def test_other_numbers_of_askers_than_were_drawn_abort() -> None:
    decision = decided(facts(*plays(share=0.4), share=50))
    assert decision.does == "abort"
    assert "sample-ratio mismatch" in decision.reason


def test_a_changed_salt_aborts() -> None:
    decision = decided(replace(facts(*plays()), changed=200))
    assert decision.does == "abort"
    assert "in both variants" in decision.reason


def test_two_of_the_first_five_askers_in_both_variants_end_no_trial() -> None:
    few = replace(facts(*plays()), askers=(1, 2), changed=2)
    assert decided(few).does == "hold"


@pytest.mark.parametrize("share", [0.0, 1.0], ids=["nobody on trial", "nobody left with the champion"])
def test_a_one_sided_table_and_an_empty_one_decide_nothing(share: float) -> None:
    log, followed = plays(listeners=500, share=share)
    assert decided(facts(log, followed)).does == "hold"
    assert decided(facts(log.head(0), followed)).does == "hold"


def test_few_askers_decide_nothing_however_bad_it_looks() -> None:
    decision = decided(facts(*plays(listeners=60, trial=0.0)))
    assert decision.does == "hold"
    assert not broken(decision)


def test_a_day_without_traffic_only_waits_and_the_longest_time_ends_it() -> None:
    nothing = TrialFacts("8", 25, ENTERED, NOW - timedelta(hours=30))
    assert decided(nothing).does == "hold"
    over = decided(replace(nothing, entered=NOW - timedelta(days=20)))
    assert over.does == "finish"
    assert over.reason.startswith("the champion stays: nothing was shown in 14 days")


def test_at_the_end_the_estimate_decides_where_the_rules_say_so() -> None:
    strict = replace(RULES, not_worse_by=0.0001)
    for trial, does in ((0.405, "advance"), (0.36, "finish")):
        close = replace(facts(*plays(listeners=1_500, trial=trial, seed=8)), entered=NOW - timedelta(days=15))
        assert decided(close, strict).does == "finish"
        assert decided(close, replace(strict, undecided="estimate decides")).does == does


def test_shadow_advances_only_with_evidence() -> None:
    assert decided(replace(SHADOW, shadow=FINE)).does == "advance"
    assert decided(SHADOW).does == "hold"
    assert decided(replace(SHADOW, shadow=replace(FINE, requests=300))).does == "hold"
    unmeasured = decided(replace(SHADOW, shadow=replace(FINE, challenger_ms=float("nan"))))
    assert (unmeasured.does, unmeasured.reason) == ("hold", "what a request costs was not measured in shadow")
    assert decided(replace(SHADOW, shadow=FINE, since=NOW - timedelta(minutes=5))).does == "hold"


def test_shadow_with_errors_or_far_too_slow_is_aborted() -> None:
    failing = decided(replace(SHADOW, shadow=replace(FINE, requests=200, errors=20)))
    assert (failing.does, "20 of 200" in failing.reason) == ("abort", True)
    assert decided(replace(SHADOW, shadow=replace(FINE, errors=13))).does == "hold", "may be chance"
    assert decided(replace(SHADOW, shadow=replace(FINE, challenger_ms=9.0))).does == "abort"
    assert decided(SHADOW, replace(RULES, longest=timedelta(days=2))).does == "finish"


def test_what_is_scored_in_shadow_during_a_canary_counts_too() -> None:
    step = facts(*plays(share=0.25), share=25)
    assert decided(replace(step, shadow=FINE)).does == "advance"
    slow = decided(replace(step, shadow=replace(FINE, challenger_ms=9.0)))
    assert slow.does == "abort"
    assert "3.0 times as long" in slow.reason


def test_the_same_facts_give_the_same_decision() -> None:
    step = facts(*plays())
    assert repr(decided(step)) == repr(decided(step))


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"guardrails": ()}, "no guardrail"),
        ({"longest": timedelta(hours=1)}, "lasts"),
        ({"error": 1.5}, "not a share"),
        ({"guardrails": RULES.guardrails * 2}, "named twice"),
    ],
)
def test_rules_that_could_stop_nothing_are_refused(wrong: dict[str, object], says: str) -> None:
    with pytest.raises(DefinitionError, match=says):
        replace(RULES, **wrong)  # type: ignore[arg-type]
    with pytest.raises(DefinitionError, match="sizes of a harm"):
        replace(RULES.guardrails[0], at_most=-0.1)


def test_the_interval_of_the_report_holds_the_estimate_and_is_finite() -> None:
    step = decided(facts(*plays(), share=50))
    assert step.goal is not None
    assert step.goal.difference.low < step.goal.difference.mean < step.goal.difference.high
    assert np.isfinite(step.goal.harm)
    assert step.goal.reduced > 0
    assert SINCE < NOW
