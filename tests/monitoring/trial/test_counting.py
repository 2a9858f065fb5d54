"""What is counted of a trial: by asker, once, up to now; bots, clocks, doubles and changed salts shift nothing."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from infra.statistics import compare
from monitoring.trial import Contrast, Counted
from tests.monitoring.trial.plays import NOW, RULES, counted, plays


def of(all_of: Counted, measure: str, part: str = "") -> Contrast:
    return next(c for c in all_of.contrasts if (c.measure, c.part) == (measure, part))


def same(one: Counted, other: Counted) -> bool:
    """Whether both have the same ratios, of the same askers."""
    ratios = [[(c.trial.ratio, c.control.ratio) for c in each.contrasts] for each in (one, other)]
    return one.askers == other.askers and np.allclose(*ratios, equal_nan=True)


def test_each_measure_is_counted_by_asker_and_part() -> None:
    log, followed = plays(listeners=300, each=4)
    now = log[log["at"] > NOW - timedelta(days=2)]
    all_of = counted(log, followed)
    assert all_of.askers == tuple(now.groupby("variant")["listener"].nunique()[["challenger", "champion"]])
    heard = now["play"].isin(followed["ends"]["play"])
    trial = now["variant"] == "challenger"
    assert of(all_of, "finished").trial.ratio == pytest.approx(heard[trial].mean())
    sessions = now.assign(heard=heard)[trial].groupby("session")["heard"].any()
    assert of(all_of, "sessions").trial.ratio == pytest.approx(sessions.mean())
    north = trial & (now["town"] == "north")
    assert of(all_of, "finished", "north").trial.ratio == pytest.approx(heard[north].mean())
    assert of(all_of, "bands").trial.ratio == pytest.approx((now["band"] == "loud")[trial].mean())
    assert of(all_of, "failed").trial.ratio == 0
    before = of(all_of, "finished").trial.below_before
    assert before is not None
    assert before.sum() == 4 * all_of.askers[0]


def test_a_slice_by_a_flag_or_a_number_has_parts_like_one_by_words() -> None:
    log, followed = plays(listeners=300)
    words = counted(log, followed)
    (numbered := log.copy())["town"] = log["town"].map({"north": True}).fillna(False).astype(bool)
    parts = {c.part for c in counted(numbered, followed).contrasts if c.slice == "town"}
    assert parts == {"True", "False"}
    assert of(counted(numbered, followed), "finished", "True").trial.ratio == of(words, "finished", "north").trial.ratio


def test_a_release_that_another_one_answered_for_is_counted_as_failed() -> None:
    log, followed = plays(listeners=300)
    failing = (log["variant"] == "challenger") & (log.index % 10 == 0)
    log.loc[failing, "release"] = "7"
    log.loc[log["variant"].eq("challenger") & (log.index % 10 == 1), "release"] = None
    failed = of(counted(log, followed), "failed")
    assert 0.15 < failed.trial.ratio < 0.25
    assert failed.control.ratio == 0


def test_rows_delivered_twice_count_once() -> None:
    log, followed = plays(listeners=200)
    twice = pd.concat([log, log.sample(frac=0.5, random_state=1)], ignore_index=True)
    again = {"ends": pd.concat([followed["ends"]] * 2, ignore_index=True)}
    assert same(counted(log, followed), counted(twice, again))
    assert counted(twice, again).left_out["twice"] > 0


def test_a_bot_with_ten_thousand_rows_counts_as_a_busy_asker() -> None:
    log, followed = plays(listeners=1_000)
    rows = log[log["at"] > NOW - timedelta(days=1)].sample(10_000, replace=True, random_state=1)
    bot = rows.assign(play=[f"bot {n}" for n in range(10_000)], listener="bot", variant="challenger", session="bot")
    clean, seen = counted(log, followed), counted(pd.concat([log, bot], ignore_index=True), followed)
    without, with_bot = (of(each, "finished").trial for each in (clean, seen))
    assert with_bot.ratio == pytest.approx(without.ratio, rel=0.03)
    between = compare(with_bot, of(seen, "finished").control, relative=True)
    assert abs(between.value) < 3 * between.error, "no harm is seen of a release that a bot met"


def test_what_is_not_known_or_not_of_this_step_is_left_out_and_said() -> None:
    log, followed = plays(listeners=300)
    more = log.tail(40).reset_index(drop=True)
    more["play"] = [f"odd {n}" for n in range(40)]
    more.loc[:9, "at"] = NOW + timedelta(minutes=20)  # a clock that runs ahead
    more.loc[10:19, "received"] = NOW + timedelta(minutes=1)
    more.loc[20:24, "variant"] = None
    more.loc[25:29, "variant"] = "holdback"
    more.loc[30:34, "listener"] = None
    more.loc[35:, "at"] = NOW - timedelta(days=2, hours=5)
    odd = counted(pd.concat([log, more], ignore_index=True), followed)
    assert same(odd, counted(log, followed))
    assert odd.left_out == {
        "dated ahead": 10, "received later": 10, "without a variant": 5, "of another variant": 5,
        "without an asker": 5, "of an earlier step": 5,
    }  # fmt: skip


def test_an_outcome_counts_only_when_it_was_received_and_its_decision_is_old_enough() -> None:
    log, followed = plays(listeners=300)
    late = {"ends": followed["ends"].assign(received=NOW + timedelta(seconds=1))}
    assert of(counted(log, late), "finished").trial.ratio == 0
    fresh = log.tail(50).assign(at=NOW - timedelta(minutes=30), received=NOW - timedelta(minutes=30))
    fresh["play"] = [f"fresh {n}" for n in range(50)]
    both = counted(pd.concat([log, fresh], ignore_index=True), followed)
    ends = [of(both, name) for name in ("finished", "late")]
    rows = [c.trial.below.sum() + c.control.below.sum() for c in ends]
    assert rows[0] - rows[1] == 50


def test_askers_in_two_variants_are_counted_and_left_out() -> None:
    log, followed = plays(listeners=300)
    moved = log["listener"].isin([f"listener {n}" for n in range(30)]) & (log.index % 2 == 0)
    log.loc[moved & (log["at"] > NOW - timedelta(days=2)), "variant"] = "challenger"
    log.loc[moved & (log["at"] > NOW - timedelta(days=1)), "variant"] = "champion"
    changed = counted(log, followed)
    assert changed.changed > 10
    assert sum(changed.askers) == 300 - changed.changed


def test_an_empty_log_and_one_without_outcomes_have_no_askers_or_no_events() -> None:
    log, followed = plays(listeners=100)
    empty = counted(log.head(0), {"ends": followed["ends"].head(0)})
    assert empty.askers == (0, 0)
    assert all(c.part == "" and len(c.trial.below) == 0 for c in empty.contrasts)
    assert of(counted(log, {}), "finished").control.ratio == 0
    assert RULES.miss == pytest.approx(0.05 / 3 / 6)
