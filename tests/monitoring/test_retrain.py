"""From evidence to a decision: once per finding, never for none."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings, strategies
from msgspec import structs

from infra.errors import DefinitionError
from monitoring.definition import Watch
from monitoring.journal import Journal
from monitoring.retrain import KINDS, Action, Decision, Kind, WindowEvidence, decide, describe_windows, frozen_by_skew

WATCH = Watch(critical=(), confirm=2, of_last=3, cooldown=timedelta(hours=6), daily_budget=2)
START = datetime(2026, 5, 3, tzinfo=UTC)


def hour(n: float) -> datetime:
    return START + timedelta(hours=n)


def seen(pattern: str, kind: Kind = "drift", release: str = "7", first: int = 1) -> list[WindowEvidence]:
    """One window an hour: x found, . not found, ? too few rows."""
    return [
        WindowEvidence(
            f"{kind}:{release}:{first + i}", kind, hour(first + i), release, {"x": True, ".": False, "?": None}[mark]
        )
        for i, mark in enumerate(pattern)
    ]


def played(evidence: Sequence[WindowEvidence], hours: int, watch: Watch = WATCH) -> list[tuple[int, Decision]]:
    """What is done when the evidence is looked at every hour, the journal going through its JSON each time."""
    cursor, done = None, []
    for n in range(hours):
        journal = Journal.from_json(cursor).with_evidence([e for e in evidence if e.at <= hour(n)], hour(n))
        decision = decide(journal.evidence, journal.actions, hour(n), watch)
        cursor = journal.with_action(decision, hour(n)).to_json()
        if decision.retrain or decision.roll_back:
            done.append((n, decision))
    return done


@pytest.mark.parametrize(
    ("pattern", "retrain"),
    [("", False), ("...", False), ("x", False), ("x.", False), ("xx", True), ("x.x", True), (".xx", True),
     ("x..x", False), ("???", False), ("x?x", True), ("x?", False)],
)  # fmt: skip
def test_drift_is_confirmed_by_two_of_the_last_three_measured_windows(pattern: str, retrain: bool) -> None:
    decision = decide(seen(pattern), [], hour(9), WATCH)
    assert decision.retrain is retrain
    assert decision.roll_back is False
    assert len(decision.evidence) == (2 if retrain else 0)


def test_drift_that_passes_leads_to_exactly_one_retraining() -> None:
    assert [n for n, _ in played(seen("..xxx......"), 48)] == [4]


def test_no_drift_leads_to_none() -> None:
    assert played(seen("..x...?....."), 48) == []


def test_the_same_window_measured_again_counts_once() -> None:
    assert decide([*seen("x"), *seen("x")], [], hour(9), WATCH).retrain is False
    assert decide([*seen("xx"), *seen("..")], [], hour(9), WATCH).retrain is False  # measured anew: not found after all


def test_evidence_from_the_future_does_not_count() -> None:
    assert decide(seen("xx"), [], hour(1.5), WATCH).retrain is False


def test_drift_that_stays_retrains_again_only_after_the_cooldown_and_within_the_daily_budget() -> None:
    times = [n for n, _ in played(seen("x" * 40), 30)]
    assert times == [2, 8, 26]  # 8: cooldown over; then two a day are spent until 26


def test_the_cooldown_is_told() -> None:
    history = [Action(hour(0), True, False, "daily")]
    decision = decide(seen("xx"), history, hour(3), WATCH)
    assert decision.retrain is False
    assert "cooldown until 2026-05-03 06:00 UTC" in decision.reason


def test_the_daily_budget_is_told() -> None:
    history = [Action(hour(-12), True, False, "daily"), Action(hour(-7), True, False, "drift")]
    decision = decide(seen("xx"), history, hour(3), WATCH)
    assert decision.retrain is False
    assert "the daily budget is 2" in decision.reason


def test_a_merit_drop_retrains_and_rolls_back_once() -> None:
    done = played(seen("xx..", "merit drop"), 24)
    assert [(n, d.retrain, d.roll_back) for n, d in done] == [(2, True, True)]
    assert "merit drop in 2 of the last 3 windows" in done[0][1].reason


def test_a_rollback_does_not_wait_for_the_cooldown_and_leaves_drift_for_later() -> None:
    evidence = [*seen("xx", "merit drop"), *seen("xx", "drift")]
    history = [Action(hour(0), True, False, "daily")]
    decision = decide(evidence, history, hour(3), WATCH)
    assert (decision.retrain, decision.roll_back) == (False, True)
    assert decision.evidence == ("merit drop:7:1", "merit drop:7:2")
    later = decide(evidence, [*history, Action(hour(3), False, True, "", decision.evidence)], hour(7), WATCH)
    assert (later.retrain, later.roll_back) == (True, False)


def test_skew_rolls_back_once_and_nothing_is_retrained_while_it_lasts() -> None:
    done = played([*seen("xx....", "skew"), *seen("xxxx..")], 24)
    assert [(n, d.retrain, d.roll_back) for n, d in done] == [(2, False, True), (4, True, False)]
    assert "skew in 2 of the last 3 windows" in done[0][1].reason
    assert done[0][1].frozen
    assert not done[1][1].frozen, "2 of the last 3 windows have none"


@pytest.mark.parametrize(
    ("pattern", "frozen"), [("", False), ("x", False), ("xx", True), ("x.x", True), ("x..", False), ("xx?", True)]
)
def test_training_is_frozen_by_skew_of_any_release(pattern: str, frozen: bool) -> None:
    decision = decide(seen(pattern, "skew", release="6"), [], hour(9), WATCH, live="7")
    assert bool(decision.frozen) is frozen
    assert not decision.roll_back, "the live release was not found skewed"
    assert ("training is frozen" in decision.reason) is frozen


def test_where_nothing_more_is_measured_a_freeze_ends_by_itself() -> None:
    skew = seen("xx", "skew")
    assert decide(skew, [], hour(24 * 6), WATCH).frozen
    assert not decide(skew, [], hour(24 * 8), WATCH).frozen


def test_only_evidence_about_the_live_release_counts() -> None:
    assert decide(seen("xx", release="6"), [], hour(9), WATCH, live="7").retrain is False
    assert decide(seen("xx", release="7"), [], hour(9), WATCH, live="7").retrain is True


def test_a_journal_forgets_what_is_too_old_and_stays_small() -> None:
    journal = Journal.from_json(None).with_evidence(seen("x" * 24 * 60), hour(24 * 60))
    assert len(journal.evidence) < 24 * 31
    assert Journal.from_json(journal.to_json()) == journal


@pytest.mark.parametrize(
    ("wrong", "says"),
    [({"confirm": 4, "of_last": 3}, "4 of 3 windows"), ({"bins": 1}, "cannot show a shift"),
     ({"daily_budget": 0}, "budget"), ({"exact_share": 1.5}, "exact_share"), ({"max_psi": 0.0}, "max_psi must be")],
)  # fmt: skip
def test_a_watch_that_contradicts_itself_is_refused(wrong: dict[str, float], says: str) -> None:
    with pytest.raises(DefinitionError, match=says):
        Watch(critical=(), **wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("pattern", "count", "confirmed"),
    [("", 0, False), ("x", 1, False), ("?x?", 1, False), ("xx", 2, True), ("xx..", 1, False)],
)
def test_a_page_says_how_near_the_windows_are_to_a_retraining(pattern: str, count: int, confirmed: bool) -> None:
    told = describe_windows(seen(pattern), "drift", WATCH)
    assert told.startswith(f"drift in {count} of the last ")
    assert ("confirmed" in told) is confirmed
    assert ("nothing follows" in told) is not confirmed


def at_limit(pattern: str) -> list[WindowEvidence]:
    """One window an hour: x above the limit, - just below it, . clearly below it."""
    windows = seen(pattern.replace("-", "."))
    return [structs.replace(e, clear=mark == ".") for e, mark in zip(windows, pattern, strict=True)]


@pytest.mark.parametrize(
    ("pattern", "times"),
    [("xx--xx--xx--xx--xx", [2]), ("xx..xx....", [2, 6]), ("x-x-x-x-x-x", [3]), ("xx-.-.-.-.xx", [2, 12])],
    ids=["flaps at the limit", "ends and comes again", "every second window", "ends slowly, comes again"],
)
def test_a_finding_that_flaps_at_its_limit_is_one_finding(pattern: str, times: list[int]) -> None:
    assert [n for n, _ in played(at_limit(pattern), 24, replace(WATCH, cooldown=timedelta(0)))] == times


def test_a_freeze_ends_only_when_windows_are_clearly_without_skew() -> None:
    windows = [structs.replace(e, kind="skew") for e in at_limit("xx----..")]
    frozen = [bool(frozen_by_skew(windows[:n], hour(n), WATCH)) for n in range(1, 9)]
    assert frozen == [False, True, True, True, True, True, True, False]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(storm=strategies.lists(strategies.tuples(strategies.sampled_from("67"), strategies.sampled_from(KINDS),
                                                strategies.sampled_from([True, True, True, False, None])),
                              min_size=50, max_size=150))  # fmt: skip
def test_a_storm_starts_at_most_one_retraining_in_any_day(storm: list[tuple[str, Kind, bool | None]]) -> None:
    """Windows of all kinds, of two releases that go live in turn, every half hour; each look is through the cursor."""
    cursor, live, retrained = None, "7", []
    for n, (release, kind, present) in enumerate(storm):
        now = hour(n / 2)
        window = WindowEvidence(f"{kind}:{release}:{n}", kind, now, release, present)
        journal = Journal.from_json(cursor).with_evidence([window], now)
        decision = decide(journal.evidence, journal.actions, now, Watch(critical=()), live)
        cursor = journal.with_action(decision, now).to_json()
        retrained += [now] if decision.retrain else []
        live = {"6": "7", "7": "6"}[live] if decision.roll_back else live
    assert all(later - sooner >= timedelta(days=1) for sooner, later in pairwise(retrained))


def test_a_storm_is_answered_at_all() -> None:
    assert len(played(seen("x" * 72), 72, Watch(critical=()))) == 3, "one a day, for three days"


def test_a_retraining_that_may_not_start_after_a_rollback_is_owed_and_comes_later() -> None:
    nightly = [Action(hour(0), True, False, "nightly", scheduled=True)]
    drop = seen("xx", "merit drop")
    first = decide(drop, nightly, hour(3), WATCH, live="7")
    assert (first.roll_back, first.retrain, first.owes) == (True, False, True)
    history = [*nightly, Action(hour(3), False, True, first.reason, first.evidence, first.owes)]
    waiting, later = (decide(drop, history, hour(n), WATCH, live="6") for n in (4, 7))
    assert (waiting.retrain, later.retrain, later.roll_back) == (False, True, False)
    assert "owed since the rollback" in later.reason
    done = [*history, Action(hour(7), True, False, later.reason, later.evidence)]
    assert not decide(drop, done, hour(40), WATCH, live="6").retrain, "once"


def test_a_nightly_retraining_answers_what_was_found_before_it_and_is_none_of_the_budget() -> None:
    nightly = [Action(hour(2.5), True, False, "nightly", scheduled=True)]
    assert not decide(seen("xx"), nightly, hour(20), Watch(critical=())).retrain
    assert decide(seen("xxxx"), nightly, hour(20), Watch(critical=())).retrain


def test_what_comes_in_broken_freezes_training_and_stops_no_rollback() -> None:
    decision = decide(seen("xx", "merit drop"), [], hour(3), WATCH, live="7", broken="impressions: no rows")
    assert (decision.roll_back, decision.retrain, decision.owes) == (True, False, True)
    assert "impressions: no rows" in decision.frozen


def test_a_rollback_that_a_crash_kept_out_of_the_journal_is_not_done_twice_and_its_retraining_comes() -> None:
    journal = Journal().with_evidence(seen("xx", "merit drop"), hour(3))
    first = decide(journal.evidence, (), hour(3), WATCH, live="7")
    again = journal.with_rollback("7", hour(3), first.reason)  # the process ended before it wrote its cursor
    for live in ("6", "7"):
        decision = decide(again.evidence, again.actions, hour(4), WATCH, live=live)
        assert (decision.roll_back, decision.retrain) == (False, True)
